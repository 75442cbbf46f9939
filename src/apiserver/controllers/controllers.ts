import type { Logger } from '../../lib/logger.ts';
import { SYSTEM_NAMESPACES } from '../builtins/namespaces.ts';
import type { CustomDeps } from '../crd/served.ts';
import { installDefinitions } from '../crd/install.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { RegistryDeps } from '../registry/call.ts';
import { createObject } from '../registry/create.ts';
import { textAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { defaultClusterRoleBindings, defaultClusterRoles } from '../authorization/bootstrapRoles.ts';
import { ensureBinding, ensureRole } from '../authorization/ensureRoles.ts';
import type { SecretTokens } from '../authentication/secretTokens.ts';
import { AccountSecrets } from './accountSecrets.ts';
import { ClusterRoleAggregation } from './clusterRoleAggregation.ts';
import { CrdController } from './customResourceDefinitions.ts';
import { Endings } from './endings.ts';
import { GarbageCollector } from './garbageCollector.ts';
import { installObject, toJsonObject } from './installObject.ts';
import { internalCall, tolerating } from './internalCalls.ts';
import { NamespaceContents } from './namespaceContents.ts';
import { NamespaceController } from './namespaces.ts';
import { PolicyStatusController } from './policyStatus.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** What the controllers inside the server need. */
export interface ControllersDeps {
  catalog: Catalog;
  registry: RegistryDeps;
  custom: CustomDeps;
  log: Logger;
  caPem: string;
  tokens: SecretTokens;
  crds: readonly object[];
  objects: readonly object[];
  /** See ApiServerOptions. */
  othersLagMs: number;
}

/** The controllers that a cluster without machines still needs: definitions, namespaces and their contents, garbage. */
export class Controllers {
  readonly #deps: ControllersDeps;
  readonly #definitions: CrdController;
  readonly #namespaces: NamespaceController;
  readonly #contents: NamespaceContents;
  readonly #accountSecrets: AccountSecrets;
  readonly #garbage: GarbageCollector;
  readonly #aggregation: ClusterRoleAggregation;
  readonly #policyStatus: PolicyStatusController;
  #unsubscribe: () => void = () => undefined;

  constructor(deps: ControllersDeps) {
    this.#deps = deps;
    const { catalog, registry, log, custom, caPem, tokens } = deps;
    const builtin = (group: string, plural: string): StoredResource => requireStored(catalog, group, plural);
    const namespaces = builtin('', 'namespaces');
    const definitions = builtin('apiextensions.k8s.io', 'customresourcedefinitions');
    const endings = new Endings({ creations: registry.creations, othersLagMs: deps.othersLagMs });
    this.#definitions = new CrdController({ catalog, registry, custom, log, definitions, endings });
    this.#namespaces = new NamespaceController({ catalog, registry, log, namespaces, endings });
    this.#contents = new NamespaceContents({
      registry,
      log,
      namespaces,
      serviceAccounts: builtin('', 'serviceaccounts'),
      configMaps: builtin('', 'configmaps'),
      caPem,
    });
    this.#accountSecrets = new AccountSecrets({
      registry,
      log,
      accounts: builtin('', 'serviceaccounts'),
      secrets: builtin('', 'secrets'),
      tokens,
      caPem,
    });
    this.#garbage = new GarbageCollector({ catalog, registry, log });
    this.#aggregation = new ClusterRoleAggregation({ registry, log, clusterRoles: builtin(RBAC, 'clusterroles') });
    const policies = builtin('admissionregistration.k8s.io', 'validatingadmissionpolicies');
    this.#policyStatus = new PolicyStatusController({ catalog, registry, log, policies });
  }

  /** Resolves when namespaces and definitions are in place; other controllers read on in the background. */
  async start(): Promise<void> {
    const { registry, catalog, crds } = this.#deps;
    await this.#definitions.start();
    await Promise.all([this.#ensureNamespaces(), this.#ensureRoles()]);
    await this.#aggregation.start();
    this.#background('namespaces', this.#namespaces.start());
    this.#background('namespace contents', this.#contents.start());
    this.#background('tokens in Secrets', this.#accountSecrets.start());
    this.#background('status of policies', this.#policyStatus.start());
    if (crds.length > 0) {
      await installDefinitions(
        registry,
        requireStored(catalog, 'apiextensions.k8s.io', 'customresourcedefinitions'),
        crds,
      );
    }
    await this.#installObjects();
    this.#unsubscribe = catalog.onChange(() => this.#garbage.follow());
    this.#garbage.follow();
  }

  /** What has to read thousands of objects first does not hold up the start. */
  #background(work: string, running: Promise<void>): void {
    running.catch((error: unknown) =>
      this.#deps.log.error({ error, work }, 'a controller of the server cannot read its objects'),
    );
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await Promise.all(
      [
        this.#definitions,
        this.#namespaces,
        this.#contents,
        this.#accountSecrets,
        this.#garbage,
        this.#aggregation,
        this.#policyStatus,
      ].map((one) => one.stop()),
    );
  }

  /** One after the other: a namespace comes before what is in it. */
  async #installObjects(): Promise<void> {
    const { registry, catalog, objects } = this.#deps;
    for (const manifest of objects) {
      const object = toJsonObject(manifest);
      const kind = textAt(object, 'kind');
      const resource = catalog.findKind(textAt(object, 'apiVersion'), kind);
      if (resource === undefined) throw new Error(`an object to install is of a kind that is not served: ${kind}`);
      await installObject(registry, resource, manifest);
    }
  }

  async #ensureRoles(): Promise<void> {
    const { registry, catalog } = this.#deps;
    const roles = requireStored(catalog, RBAC, 'clusterroles');
    const bindings = requireStored(catalog, RBAC, 'clusterrolebindings');
    await Promise.all([
      ...defaultClusterRoles().map((role) => ensureRole(registry, roles, role)),
      ...defaultClusterRoleBindings().map((binding) => ensureBinding(registry, bindings, binding)),
    ]);
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

/** A built-in resource of version v1. @throws Error when it is not served. */
export function requireStored(catalog: Catalog, group: string, plural: string): StoredResource {
  const found = catalog.find(group, 'v1', plural);
  if (found?.type === 'Stored') return found;
  throw new Error(`the built-in resource ${plural} is missing`);
}
