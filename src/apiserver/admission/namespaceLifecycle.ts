import { forbidden, notFound } from '../http/status.ts';
import { refOf, type Admission, type AdmissionRequest } from '../registry/call.ts';
import { isDeleting } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { decodeEntry } from '../registry/versions.ts';

/** Nothing is created in a namespace that does not exist or is being deleted. */
export class NamespaceLifecycle implements Admission {
  readonly #namespaces: StoredResource;

  constructor(namespaces: StoredResource) {
    this.#namespaces = namespaces;
  }

  async admit(request: AdmissionRequest): Promise<void> {
    const { call } = request;
    if (request.operation !== 'CREATE' || !call.resource.namespaced) return;
    const state = await this.#stateOf(call.namespace);
    if (state === 'missing') throw notFound({ group: '', resource: 'namespaces', name: call.namespace });
    if (state === 'active' || call.resource.strategy.allowInTerminatingNamespace === true) return;
    throw forbidden(
      refOf(call),
      `unable to create new content in namespace ${call.namespace} because it is being terminated`,
      [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${call.namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    );
  }

  async #stateOf(name: string): Promise<'active' | 'terminating' | 'missing'> {
    const { store } = this.#namespaces;
    await store.cache.ready();
    const cached = store.cache.get(store.key('', name));
    if (cached !== undefined) return cached.deleting ? 'terminating' : 'active';
    // the cache may be a moment behind the client that just created it
    const entry = await store.storage.get(store.key('', name));
    if (entry === undefined) return 'missing';
    return isDeleting(decodeEntry(this.#namespaces, entry)) ? 'terminating' : 'active';
  }
}
