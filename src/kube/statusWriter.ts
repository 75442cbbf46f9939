import type { KubeObject } from '../api/meta.ts';
import { mergePatch } from '../lib/mergePatch.ts';
import { ApiError } from './apiError.ts';
import type { Client } from './client.ts';
import { type Informer, withoutManagedFields } from './informer.ts';
import { keyOf, type Resource } from './resource.ts';
import { compareResourceVersions } from './resourceVersion.ts';

/** An object with a status subresource. */
export interface WithStatus extends KubeObject {
  status?: unknown;
}

/** Options of {@link StatusWriter.write}. */
export interface StatusWriteOptions {
  /**
   * `uid` (default): fails with 409 when the object was deleted and made again. `resourceVersion`: fails with 409 when
   * anything changed since {@link StatusWriter.latest}.
   */
  precondition?: 'uid' | 'resourceVersion';
  signal?: AbortSignal;
}

/** So many objects can have a newer version here than in the informer, which catches up within moments. */
const MAX_REMEMBERED = 5000;

/** Writes the status of one kind, as a merge patch of what changed. Assumes that this process alone writes it. */
export class StatusWriter<T extends WithStatus> {
  readonly #client: Client;
  readonly #resource: Resource<T>;
  /** By UID: what our last write returned, until the informer has it too. */
  readonly #written = new Map<string, T>();
  /** UIDs whose last write ended without an answer. */
  readonly #uncertain = new Set<string>();

  /** @param informer  What runs read objects from; lets go of what it has seen too. */
  constructor(client: Client, resource: Resource<T>, informer: Pick<Informer<T>, 'addHandler'>) {
    this.#client = client;
    this.#resource = resource;
    informer.addHandler({
      updated: (_previous, object) => void this.latest(object),
      deleted: (object) => {
        this.#written.delete(object.metadata.uid ?? '');
        this.#uncertain.delete(object.metadata.uid ?? '');
      },
    });
  }

  /**
   * `object`, or what our last acknowledged write returned if that is newer: a run must start from this, since the
   * informer may not have seen our own last write yet.
   */
  latest(object: T): T {
    const { uid = '', resourceVersion } = object.metadata;
    const written = this.#written.get(uid);
    if (written === undefined) return object;
    if (compareResourceVersions(written.metadata.resourceVersion, resourceVersion) > 0) return written;
    this.#written.delete(uid);
    return object;
  }

  /**
   * Makes the stored status equal `status` and resolves once the API acknowledged it, so that it serves as write-ahead;
   * sends nothing when `latest(object)` has it already. Returns the object as stored.
   * @throws ApiError 409 Conflict  when the precondition does not hold; 404 when the object is gone.
   * @throws ApiError, ApiConnectionError  when it is not known to be stored.
   */
  async write(object: T, status: NonNullable<T['status']>, options: StatusWriteOptions = {}): Promise<T> {
    const base = await this.#base(object, options.signal);
    const change = mergePatch(base.status, status);
    if (change === undefined) return base;
    const { uid = '', resourceVersion } = base.metadata;
    const metadata = { uid, ...(options.precondition === 'resourceVersion' ? { resourceVersion } : {}) };
    const call = {
      subresource: 'status' as const,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
    try {
      const stored = await this.#client.patch(this.#resource, keyOf(base), { metadata, status: change }, call);
      return this.#remember(uid, withoutManagedFields(stored));
    } catch (error) {
      if (!(error instanceof ApiError) || error.code >= 500) this.#uncertain.add(uid);
      throw asConflict(error);
    }
  }

  /** What to compare with: after a write of unknown end only the API itself knows. */
  async #base(object: T, signal: AbortSignal | undefined): Promise<T> {
    const { uid = '' } = object.metadata;
    if (!this.#uncertain.has(uid)) return this.latest(object);
    const stored = await this.#client.get(this.#resource, keyOf(object), signal === undefined ? {} : { signal });
    this.#uncertain.delete(uid);
    if (stored.metadata.uid !== uid)
      throw new ApiError('status', 409, { text: 'the object was deleted and made again' });
    return this.#remember(uid, withoutManagedFields(stored));
  }

  #remember(uid: string, stored: T): T {
    const oldest = this.#written.keys().next();
    if (this.#written.size >= MAX_REMEMBERED && oldest.done !== true) this.#written.delete(oldest.value);
    this.#written.set(uid, stored);
    return stored;
  }
}

/** A foreign UID is refused as a change of an immutable field (422), but means what a conflict means. */
function asConflict(error: unknown): unknown {
  const isUid =
    error instanceof ApiError &&
    error.code === 422 &&
    error.details.causes?.some((one) => one.field === 'metadata.uid');
  if (isUid !== true) return error;
  return new ApiError(error.message, 409, { text: 'the object was deleted and made again' });
}
