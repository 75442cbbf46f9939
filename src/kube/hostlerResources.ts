import type { ArtifactBundle } from '../api/artifactBundle.ts';
import type { KnownHost } from '../api/knownHost.ts';
import { GROUP, VERSION } from '../api/meta.ts';
import type { Server } from '../api/server.ts';
import type { ServerOperation } from '../api/serverOperation.ts';
import type { Resource } from './resource.ts';

export const servers: Resource<Server> = {
  group: GROUP,
  version: VERSION,
  plural: 'servers',
  kind: 'Server',
  namespaced: true,
};
export const knownHosts: Resource<KnownHost> = {
  group: GROUP,
  version: VERSION,
  plural: 'knownhosts',
  kind: 'KnownHost',
  namespaced: true,
};
export const serverOperations: Resource<ServerOperation> = {
  group: GROUP,
  version: VERSION,
  plural: 'serveroperations',
  kind: 'ServerOperation',
  namespaced: true,
};
export const artifactBundles: Resource<ArtifactBundle> = {
  group: GROUP,
  version: VERSION,
  plural: 'artifactbundles',
  kind: 'ArtifactBundle',
  namespaced: true,
};
