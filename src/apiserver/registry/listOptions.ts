import { badRequest, invalid } from '../http/status.ts';
import { isTrue } from '../http/requestInfo.ts';
import { notSupported, type FieldError } from '../schema/fieldErrors.ts';

/** How the given resourceVersion is meant. */
type VersionMatch = 'Exact' | 'NotOlderThan';

const MATCHES: readonly VersionMatch[] = ['Exact', 'NotOlderThan'];
const MATCH_ON_LATER_PAGE = forbiddenMatch('resourceVersionMatch is forbidden when continue is provided');

/** meta/v1 ListOptions, read and checked. */
export interface ListOptions {
  labelSelector: string;
  fieldSelector: string;
  /** 0 = all. */
  limit: number;
  continueToken: string;
  /** undefined = not given: the newest. */
  resourceVersion: number | undefined;
  versionMatch: VersionMatch | undefined;
  allowWatchBookmarks: boolean;
  /** undefined = not said. */
  sendInitialEvents: boolean | undefined;
  /** Seconds after which a watch ends; undefined = the server decides. */
  timeoutSeconds: number | undefined;
  includeObject: 'None' | 'Metadata' | 'Object';
}

/** Reads the options of a list or watch. @throws ApiError 400, 422. */
export function readListOptions(query: URLSearchParams, verb: 'list' | 'watch'): ListOptions {
  const match = readText(query, 'resourceVersionMatch');
  const options: ListOptions = {
    labelSelector: readText(query, 'labelSelector'),
    fieldSelector: readText(query, 'fieldSelector'),
    limit: readNumber(query, 'limit') ?? 0,
    continueToken: readText(query, 'continue'),
    resourceVersion: readRevision(query),
    versionMatch: isMatch(match) ? match : undefined,
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: readFlag(query, 'sendInitialEvents'),
    timeoutSeconds: readNumber(query, 'timeoutSeconds'),
    includeObject: readInclude(query),
  };
  return verb === 'watch' ? checkedWatch(options, match) : checkedList(options, match);
}

function checkedList(options: ListOptions, match: string): ListOptions {
  const errors = listErrors(options, match);
  if (errors.length > 0) throw refuse(errors);
  if (options.continueToken !== '' && (options.resourceVersion ?? 0) !== 0) {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  return options;
}

function checkedWatch(given: ListOptions, match: string): ListOptions {
  const options = match === '' ? withInitialEvents(given) : given;
  const errors = watchErrors(options, match === '' ? (options.versionMatch ?? '') : match);
  if (errors.length > 0) throw refuse(errors);
  return options;
}

/** Without a resourceVersion a watch begins with what is there, as if the client had asked for it. */
function withInitialEvents(options: ListOptions): ListOptions {
  if (options.sendInitialEvents !== undefined) return options;
  if (options.resourceVersion !== undefined && options.resourceVersion !== 0) return options;
  return { ...options, sendInitialEvents: true, versionMatch: 'NotOlderThan' };
}

function listErrors(options: ListOptions, match: string): FieldError[] {
  const errors: FieldError[] = [];
  if (options.sendInitialEvents !== undefined) {
    errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  if (match === '') return errors;
  if (options.resourceVersion === undefined) {
    errors.push(forbiddenMatch('resourceVersionMatch is forbidden unless resourceVersion is provided'));
  }
  if (options.continueToken !== '') errors.push(MATCH_ON_LATER_PAGE);
  if (!isMatch(match)) errors.push(notSupported('resourceVersionMatch', match, [...MATCHES, '']));
  if (match === 'Exact' && options.resourceVersion === 0) {
    errors.push(forbiddenMatch('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  return errors;
}

function watchErrors({ sendInitialEvents, continueToken }: ListOptions, match: string): FieldError[] {
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    errors.push(forbiddenMatch('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  if (match === '') return errors;
  if (sendInitialEvents === undefined) {
    errors.push(forbiddenMatch('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
  }
  if (match !== 'NotOlderThan') errors.push(notSupported('resourceVersionMatch', match, ['NotOlderThan']));
  if (continueToken !== '') errors.push(MATCH_ON_LATER_PAGE);
  return errors;
}

function isMatch(text: string): text is VersionMatch {
  return MATCHES.some((one) => one === text);
}

/** The revision that is asked for at least. @throws ApiError 422 for what is none. */
export function readRevision(query: URLSearchParams): number | undefined {
  const value = query.get('resourceVersion') ?? '';
  if (value === '') return undefined;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw refuse([
    {
      type: 'FieldValueInvalid',
      field: 'resourceVersion',
      badValue: value,
      detail: 'must be a resourceVersion that this server returned',
    },
  ]);
}

function readText(query: URLSearchParams, name: string): string {
  return query.get(name) ?? '';
}

function readFlag(query: URLSearchParams, name: string): boolean | undefined {
  return query.has(name) ? isTrue(query.get(name)) : undefined;
}

function readNumber(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name) ?? '';
  if (value === '') return undefined;
  if (/^-?\d{1,15}$/.test(value)) return Math.max(0, Number(value));
  throw badRequest(`the parameter ${name} must be an integer, not "${value}"`);
}

function readInclude(query: URLSearchParams): ListOptions['includeObject'] {
  const value = query.get('includeObject') ?? '';
  if (value === '' || value === 'Metadata') return 'Metadata';
  if (value === 'None' || value === 'Object') return value;
  throw badRequest(`the parameter includeObject must be None, Metadata or Object, not "${value}"`);
}

function refuse(errors: FieldError[]): Error {
  return invalid({ group: 'meta.k8s.io', kind: 'ListOptions', name: '' }, errors);
}

function forbiddenField(field: string, detail: string): FieldError {
  return { type: 'FieldValueForbidden', field, detail };
}

function forbiddenMatch(detail: string): FieldError {
  return forbiddenField('resourceVersionMatch', detail);
}
