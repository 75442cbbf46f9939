import type { User } from '../http/authentication.ts';
import { ApiError } from '../http/status.ts';
import type { Call } from '../registry/call.ts';
import type { StoredResource } from '../registry/resource.ts';

/** The server itself. */
const SERVER_USER: User = {
  name: 'system:apiserver',
  groups: ['system:masters', 'system:authenticated'],
};

/** Which object the server works on. */
export interface InternalTarget {
  resource: StoredResource;
  namespace: string;
  name: string;
  subresource?: Call['subresource'];
  /** Field manager; default `kube-apiserver`. */
  manager?: string;
}

/** A call of the server on its own behalf. */
export function internalCall(target: InternalTarget): Call {
  return {
    resource: target.resource,
    namespace: target.namespace,
    name: target.name,
    subresource: target.subresource ?? '',
    user: SERVER_USER,
    isServers: true,
    dryRun: false,
    operation: 'Update',
    manager: target.manager ?? 'kube-apiserver',
    validation: 'Ignore',
    repeated: [],
    warnings: [],
  };
}

/** Runs `work`; an ApiError with one of `codes` is no failure and gives undefined. */
export async function tolerating<T>(codes: readonly number[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError && codes.includes(error.code)) return undefined;
    throw error;
  }
}
