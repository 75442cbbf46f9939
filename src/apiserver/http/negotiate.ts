import { notAcceptable } from './status.ts';

/** Shape the client wants objects in. */
export type Transform = 'None' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

type Encoding = 'json' | 'yaml' | 'protobuf';

/** The form of an answer. */
export interface MediaType {
  encoding: Encoding;
  transform: Transform;
  /** Version of meta.k8s.io for transforms: `v1` or `v1beta1`. */
  version: string;
  /** All parameters as sent, for endpoints with own types (discovery). */
  params: ReadonlyMap<string, string>;
}

/** Media type of protobuf, also of a request. */
export const PROTOBUF = 'application/vnd.kubernetes.protobuf';
/** As errors name them, also where there is only {@link MediaType.transform metadata} in protobuf. */
const ACCEPTED = ['application/json', 'application/yaml', PROTOBUF];
const ENCODINGS: ReadonlyMap<string, Encoding> = new Map<string, Encoding>([
  ['application/json', 'json'],
  ['application/*', 'json'],
  ['*/*', 'json'],
  ['application/yaml', 'yaml'],
  [PROTOBUF, 'protobuf'],
]);
const DEFAULT: MediaType = { encoding: 'json', transform: 'None', version: '', params: new Map() };

/**
 * Picks the first entry of `accept` (by q, then order) that can be served.
 * @param transforms  Shapes this endpoint offers beside the plain object.
 * @param protobuf  Whether the plain object can be had in protobuf; metadata alone always can.
 * @throws ApiError 406 when none can.
 */
export function negotiate(accept: string | undefined, transforms: ReadonlySet<Transform>, protobuf = false): MediaType {
  if (accept === undefined || accept.trim() === '') return DEFAULT;
  for (const clause of acceptClauses(accept)) {
    const encoding = ENCODINGS.get(clause.type);
    if (encoding === undefined) continue;
    const media = toMedia(encoding, clause.params, transforms);
    if (media !== undefined && (encoding !== 'protobuf' || hasProtobuf(media, protobuf))) return media;
  }
  throw notAcceptable(ACCEPTED);
}

function hasProtobuf({ transform, version }: MediaType, ofPlain: boolean): boolean {
  return transform === 'None' ? ofPlain : transform !== 'Table' && version === 'v1';
}

function toMedia(
  encoding: Encoding,
  params: ReadonlyMap<string, string>,
  transforms: ReadonlySet<Transform>,
): MediaType | undefined {
  const as = params.get('as');
  if (as === undefined) return { encoding, transform: 'None', version: '', params };
  const transform = [...transforms].find((name) => name === as);
  const version = params.get('v') ?? '';
  if (transform === undefined || params.get('g') !== 'meta.k8s.io') return undefined;
  if (version !== 'v1' && version !== 'v1beta1') return undefined;
  return { encoding, transform, version, params };
}

/** One entry of an Accept header. */
export interface AcceptClause {
  type: string;
  params: ReadonlyMap<string, string>;
}

/** Entries of an Accept header, best first; entries with q=0 are left out. */
export function acceptClauses(accept: string): AcceptClause[] {
  return accept
    .split(',')
    .map((text) => parseClause(text))
    .filter((clause) => clause.q > 0)
    .sort((a, b) => b.q - a.q);
}

function parseClause(text: string): AcceptClause & { q: number } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const params = new Map<string, string>();
  for (const param of rest) {
    const [key = '', value = ''] = param.split('=', 2);
    params.set(key.trim().toLowerCase(), value.trim());
  }
  const q = Number(params.get('q') ?? '1');
  return { type: type.toLowerCase(), params, q: Number.isFinite(q) ? q : 1 };
}
