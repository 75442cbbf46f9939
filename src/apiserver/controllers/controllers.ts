import type { Logger } from '../../lib/logger.ts';
import { SYSTEM_NAMESPACES } from '../builtins/namespaces.ts';
import type { CustomDeps } from '../crd/served.ts';
import { installDefinitions } from '../crd/install.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { RegistryDeps } from '../registry/call.ts';
import { createObject } from '../registry/create.ts';
import type { StoredResource } from '../registry/resource.ts';
import { CrdController } from './customResourceDefinitions.ts';
import { GarbageCollector } from './garbageCollector.ts';
import { internalCall, tolerating } from './internalCalls.ts';
import { NamespaceContents } from './namespaceContents.ts';
import { NamespaceController } from './namespaces.ts';

/** What the controllers inside the server need. */
export interface ControllersDeps {
  catalog: Catalog;
  registry: RegistryDeps;
  custom: CustomDeps;
  log: Logger;
  caPem: string;
  crds: readonly object[];
}

/** The controllers that a cluster without machines still needs: definitions, namespaces and their contents, garbage. */
export class Controllers {
  readonly #deps: ControllersDeps;
  readonly #definitions: CrdController;
  readonly #namespaces: NamespaceController;
  readonly #contents: NamespaceContents;
  readonly #garbage: GarbageCollector;
  #unsubscribe: () => void = () => undefined;

  constructor(deps: ControllersDeps) {
    this.#deps = deps;
    const { catalog, registry, log, custom, caPem } = deps;
    const builtin = (group: string, plural: string): StoredResource => requireStored(catalog, group, plural);
    const namespaces = builtin('', 'namespaces');
    const definitions = builtin('apiextensions.k8s.io', 'customresourcedefinitions');
    this.#definitions = new CrdController({ catalog, registry, custom, log, definitions });
    this.#namespaces = new NamespaceController({ catalog, registry, log, namespaces });
    this.#contents = new NamespaceContents({
      registry,
      log,
      namespaces,
      serviceAccounts: builtin('', 'serviceaccounts'),
      configMaps: builtin('', 'configmaps'),
      caPem,
    });
    this.#garbage = new GarbageCollector({ catalog, registry, log });
  }

  /** Resolves when namespaces and definitions are in place; other controllers read on in the background. */
  async start(): Promise<void> {
    const { registry, catalog, crds } = this.#deps;
    await this.#definitions.start();
    await this.#ensureNamespaces();
    this.#background('namespaces', this.#namespaces.start());
    this.#background('namespace contents', this.#contents.start());
    if (crds.length > 0) {
      await installDefinitions(
        registry,
        requireStored(catalog, 'apiextensions.k8s.io', 'customresourcedefinitions'),
        crds,
      );
    }
    const follow = (): void => this.#background('garbage collection', this.#garbage.follow());
    this.#unsubscribe = catalog.onChange(follow);
    follow();
  }

  /** What has to read thousands of objects first does not hold up the start. */
  #background(work: string, running: Promise<void>): void {
    running.catch((error: unknown) =>
      this.#deps.log.error({ error, work }, 'a controller of the server cannot read its objects'),
    );
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await Promise.all([this.#definitions, this.#namespaces, this.#contents, this.#garbage].map((one) => one.stop()));
  }

  async #ensureNamespaces(): Promise<void> {
    const { registry, catalog } = this.#deps;
    const resource = requireStored(catalog, '', 'namespaces');
    for (const name of SYSTEM_NAMESPACES) {
      const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      const call = internalCall({ resource, namespace: '', name });
      await tolerating([409], () => createObject(registry, call, object));
    }
  }
}

function requireStored(catalog: Catalog, group: string, plural: string): StoredResource {
  const found = catalog.find(group, 'v1', plural);
  if (found?.type === 'Stored') return found;
  throw new Error(`the built-in resource ${plural} is missing`);
}
