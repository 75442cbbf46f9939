import { artifactBundleKind } from './artifactBundle.ts';
import type { KindDefinition } from './kind.ts';
import { knownHostKind } from './knownHost.ts';
import { serverKind } from './server.ts';
import { serverOperationKind } from './serverOperation.ts';

/** Every kind of group hostler.dev. Add a kind here, and its CRD and reference follow. */
export const kinds: readonly KindDefinition[] = [serverKind, knownHostKind, serverOperationKind, artifactBundleKind];
