import type { JsonObject, JsonValue } from '../codec/json.ts';
import { structMismatch } from '../codec/structDecode.ts';
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
  /** As the client said them. */
  said: JsonObject;
}

/** Delete now, dependents later: what controllers of the server itself use. */
export const BACKGROUND: DeleteOptions = {
  propagation: 'Background',
  uid: undefined,
  resourceVersion: undefined,
  dryRun: false,
  wantsAccepted: false,
  said: {},
};

const IN_QUERY = ['propagationPolicy', 'gracePeriodSeconds', 'orphanDependents', 'dryRun'];
const OPTIONS = [...IN_QUERY, 'preconditions'];
const POLICIES: readonly Propagation[] = ['Background', 'Foreground', 'Orphan'];

/** Reads the options from the body where there is one, else from the query. @throws ApiError 400, 422. */
export function readDeleteOptions(body: JsonObject | undefined, query: URLSearchParams): DeleteOptions {
  const source = body ?? fromQuery(query);
  checkType(source);
  // an option that cannot be read, such as a dryRun that is no list, must not be taken for one that is not there
  const problem = structMismatch(source, 'v1', 'DeleteOptions');
  if (problem !== undefined) throw badRequest(problem);
  const errors = optionErrors(source);
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions', name: '' }, errors);
  const orphan = source['orphanDependents'];
  const preconditions = objectAt(source, 'preconditions');
  return {
    propagation: POLICIES.find((one) => one === textAt(source, 'propagationPolicy')) ?? fromOrphan(orphan),
    uid: preconditionOf(preconditions, 'uid'),
    resourceVersion: preconditionOf(preconditions, 'resourceVersion'),
    dryRun: listAt(source, 'dryRun').length > 0 || query.getAll('dryRun').includes('All'),
    wantsAccepted: orphan === false,
    said: Object.fromEntries(Object.entries(source).filter(([name]) => OPTIONS.includes(name))),
  };
}

/** @throws ApiError 400 for an object that is something else. */
function checkType({ kind = '', apiVersion = '' }: JsonObject): void {
  if (typeof kind !== 'string' || (kind !== '' && kind !== 'DeleteOptions')) {
    throw badRequest(`expected DeleteOptions in the body of a deletion, but got ${JSON.stringify(kind)}`);
  }
  if (typeof apiVersion !== 'string' || apiVersion.split('/').length > 2) {
    throw badRequest(`unexpected GroupVersion string: ${JSON.stringify(apiVersion)}`);
  }
}

/** What the object must have; empty text is a value that none has. */
function preconditionOf(preconditions: JsonObject | undefined, name: string): string | undefined {
  return typeof preconditions?.[name] === 'string' ? preconditions[name] : undefined;
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
  for (const name of IN_QUERY) {
    const value = fromText(name, query.getAll(name));
    if (value !== undefined) result[name] = value;
  }
  const preconditions = ['uid', 'resourceVersion'].flatMap((name) => {
    const value = query.get(name);
    return value === null ? [] : [[name, value]];
  });
  if (preconditions.length > 0) result['preconditions'] = Object.fromEntries(preconditions) as JsonObject;
  return result;
}

/** An option of the query as it would stand in a body. @throws ApiError 400 for a number that is none. */
function fromText(name: string, values: string[]): JsonValue | undefined {
  const [first] = values;
  if (first === undefined) return undefined;
  if (name === 'dryRun') return values;
  if (name === 'orphanDependents') return isTrue(first);
  if (name !== 'gracePeriodSeconds') return first;
  if (!/^[+-]?\d{1,15}$/.test(first)) throw badRequest(`the parameter ${name} must be an integer, not "${first}"`);
  return Number(first);
}

function fromOrphan(orphan: unknown): Propagation | undefined {
  if (orphan === true) return 'Orphan';
  return orphan === false ? 'Background' : undefined;
}
