import type { JsonObject } from '../codec/json.ts';
import { conditionStatus, setCondition, type NewCondition } from '../builtins/conditions.ts';
import { metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import { versionsWithoutWebhook, wantsWebhook } from './versions.ts';

/** Names that other definitions of the same group hold. */
interface TakenNames {
  /** plural, singular and short names share one space. */
  resources: ReadonlySet<string>;
  /** kind and listKind share another. */
  kinds: ReadonlySet<string>;
}

/**
 * Brings names and conditions of `crd.status` up to date with its spec.
 * @param held  By whom names are held: every other definition, and the built-in resources of the group by plural.
 * @returns whether anything changed.
 */
export function updateCrdStatus(
  crd: JsonObject,
  held: { others: readonly JsonObject[]; builtins: readonly string[] },
  now: number,
): boolean {
  const before = JSON.stringify(crd['status'] ?? {});
  const conflict = acceptNames(crd, takenBy(held, textAt(objectAt(crd, 'spec'), 'group')));
  setCondition(crd, conflict ?? ACCEPTED, now);
  const established = establishment(crd, conflict !== undefined);
  if (established !== undefined) setCondition(crd, established, now);
  const approval = apiApproval(crd);
  if (approval !== undefined) setCondition(crd, approval, now);
  return JSON.stringify(crd['status']) !== before;
}

const ACCEPTED: NewCondition = {
  type: 'NamesAccepted',
  status: 'True',
  reason: 'NoConflicts',
  message: 'no conflicts found',
};

function takenBy({ others, builtins }: Parameters<typeof updateCrdStatus>[1], group: string): TakenNames {
  // kube-apiserver serves a definition beside the built-in resource; here their objects would lie in one place
  const resources = new Set(builtins);
  const kinds = new Set<string>();
  for (const other of others) {
    if (textAt(objectAt(other, 'spec'), 'group') !== group) continue;
    const names = objectAt(objectAt(other, 'status'), 'acceptedNames');
    for (const name of [textAt(names, 'plural'), textAt(names, 'singular'), ...textsAt(names, 'shortNames')]) {
      if (name !== '') resources.add(name);
    }
    for (const name of [textAt(names, 'kind'), textAt(names, 'listKind')]) if (name !== '') kinds.add(name);
  }
  return { resources, kinds };
}

/** Takes every wanted name that is free; a name that is not stays as it was. Returns what stands against the rest. */
function acceptNames(crd: JsonObject, taken: TakenNames): NewCondition | undefined {
  const wanted = objectAt(objectAt(crd, 'spec'), 'names') ?? {};
  const status = objectAt(crd, 'status') ?? {};
  crd['status'] = status;
  const accepted: JsonObject = { ...objectAt(status, 'acceptedNames') };
  let conflict: NewCondition | undefined;
  const refuse = (reason: string, name: string): void => {
    conflict = { type: 'NamesAccepted', status: 'False', reason, message: `"${name}" is already in use` };
  };
  for (const [key, space, reason] of SINGLE_NAMES) {
    const name = textAt(wanted, key);
    if (taken[space].has(name)) refuse(reason, name);
    else if (name !== '') accepted[key] = name;
  }
  const shortNames = textsAt(wanted, 'shortNames');
  const clash = shortNames.find((name) => taken.resources.has(name));
  if (clash !== undefined) refuse('ShortNamesConflict', clash);
  else setOrDrop(accepted, 'shortNames', shortNames);
  setOrDrop(accepted, 'categories', textsAt(wanted, 'categories'));
  status['acceptedNames'] = accepted;
  return conflict;
}

const SINGLE_NAMES = [
  ['plural', 'resources', 'PluralConflict'],
  ['singular', 'resources', 'SingularConflict'],
  ['kind', 'kinds', 'KindConflict'],
  ['listKind', 'kinds', 'ListKindConflict'],
] as const;

function setOrDrop(object: JsonObject, key: string, values: string[]): void {
  if (values.length > 0) object[key] = values;
  else Reflect.deleteProperty(object, key);
}

/** Once established, a definition stays so, unless it wants what this server cannot do. */
function establishment(crd: JsonObject, conflict: boolean): NewCondition | undefined {
  if (wantsWebhook(crd) && versionsWithoutWebhook(crd).length === 0) {
    return {
      type: 'Established',
      status: 'False',
      reason: 'ConversionWebhookNotSupported',
      message:
        'this server calls no webhooks, and objects may be stored in another version than the one to be served: use spec.conversion.strategy None, or convert them and drop that version from status.storedVersions',
    };
  }
  const established = conditionStatus(crd, 'Established');
  if (conflict) {
    return established === 'True'
      ? undefined
      : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
  }
  return {
    type: 'Established',
    status: 'True',
    reason: 'InitialNamesAccepted',
    message: 'the initial names have been accepted',
  };
}

const APPROVAL = 'api-approved.kubernetes.io';

/** Groups of the Kubernetes community need a link to their review. */
function apiApproval(crd: JsonObject): NewCondition | undefined {
  const group = textAt(objectAt(crd, 'spec'), 'group');
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(group)) return undefined;
  const type = 'KubernetesAPIApprovalPolicyConformant';
  const approval = textAt(objectAt(metaOf(crd), 'annotations'), APPROVAL);
  if (approval === '') {
    const message = `protected groups must have approval annotation "${APPROVAL}", see https://github.com/kubernetes/enhancements/pull/1111`;
    return { type, status: 'False', reason: 'MissingAnnotation', message };
  }
  return approval.startsWith('unapproved')
    ? { type, status: 'False', reason: 'UnapprovedAnnotation', message: `not approved: "${approval}"` }
    : { type, status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${approval}` };
}
