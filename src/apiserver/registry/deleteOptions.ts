import type { JsonObject } from '../codec/json.ts';
import { badRequest, invalid } from '../http/status.ts';
import { notSupported, type FieldError } from '../schema/fieldErrors.ts';
import { isTrue } from '../http/requestInfo.ts';
import { listAt, objectAt, textAt } from './object.ts';

/** What a deletion shall do with the objects that the deleted one owns. */
type Propagation = 'Background' | 'Foreground' | 'Orphan';

/** meta/v1 DeleteOptions, read. */
export interface DeleteOptions {
  propagation: Propagation | undefined;
  uid: string | undefined;
  resourceVersion: string | undefined;
  dryRun: boolean;
  /** `orphanDependents: false` was sent: 202 instead of 200 while the object is still there. */
  wantsAccepted: boolean;
}

/** Delete now, dependents later: what controllers of the server itself use. */
export const BACKGROUND: DeleteOptions = {
  propagation: 'Background',
  uid: undefined,
  resourceVersion: undefined,
  dryRun: false,
  wantsAccepted: false,
};

const POLICIES: readonly Propagation[] = ['Background', 'Foreground', 'Orphan'];

/** Reads the options from the body where there is one, else from the query. @throws ApiError 400, 422. */
export function readDeleteOptions(body: JsonObject | undefined, query: URLSearchParams): DeleteOptions {
  const source = body ?? fromQuery(query);
  const kind = textAt(source, 'kind');
  if (kind !== '' && kind !== 'DeleteOptions') {
    throw badRequest(`expected DeleteOptions in the body of a deletion, but got ${kind}`);
  }
  const errors = optionErrors(source);
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions', name: '' }, errors);
  const orphan = source['orphanDependents'];
  const preconditions = objectAt(source, 'preconditions');
  return {
    propagation: POLICIES.find((one) => one === textAt(source, 'propagationPolicy')) ?? fromOrphan(orphan),
    uid: textAt(preconditions, 'uid') || undefined,
    resourceVersion: textAt(preconditions, 'resourceVersion') || undefined,
    dryRun: listAt(source, 'dryRun').length > 0 || query.getAll('dryRun').includes('All'),
    wantsAccepted: orphan === false,
  };
}

function optionErrors(source: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const policy = source['propagationPolicy'];
  if (typeof policy !== 'string') return [...errors, ...dryRunErrors(source)];
  if (typeof source['orphanDependents'] === 'boolean') {
    const detail = 'orphanDependents and deletionPropagation cannot be both set';
    errors.push({ type: 'FieldValueInvalid', field: 'propagationPolicy', badValue: policy, detail });
  }
  if (!POLICIES.some((one) => one === policy)) {
    errors.push(notSupported('propagationPolicy', policy, ['Foreground', 'Background', 'Orphan', 'nil']));
  }
  return [...errors, ...dryRunErrors(source)];
}

function dryRunErrors(source: JsonObject): FieldError[] {
  const dryRun = listAt(source, 'dryRun');
  return dryRun.some((item) => item !== 'All') ? [notSupported('dryRun', [...dryRun], ['All'])] : [];
}

function fromQuery(query: URLSearchParams): JsonObject {
  const result: JsonObject = {};
  const policy = query.get('propagationPolicy');
  if (policy !== null) result['propagationPolicy'] = policy;
  const orphan = query.get('orphanDependents');
  if (orphan !== null) result['orphanDependents'] = isTrue(orphan);
  const dryRun = query.getAll('dryRun').filter((item) => item !== '');
  if (dryRun.length > 0) result['dryRun'] = dryRun;
  return result;
}

function fromOrphan(orphan: unknown): Propagation | undefined {
  if (orphan === true) return 'Orphan';
  return orphan === false ? 'Background' : undefined;
}
