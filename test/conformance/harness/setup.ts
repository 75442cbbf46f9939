import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { parse } from 'yaml';
import { toCrd } from '../../../src/api/crd.ts';
import { kinds } from '../../../src/api/kinds.ts';
import { StandalonePlane } from '../../support/standalonePlane.ts';
import { KubeCluster } from '../../support/kubeCluster.ts';
import { OidcIssuer, tokenKey } from '../../support/oidcIssuer.ts';
import { AUDIT_POLICY } from './auditPolicy.ts';
import { SITES_FILE } from './clientPrograms.ts';
import { GEARS_CRD, WIDGETS_CRD } from './crds.ts';
import { Side, type Endpoint } from './side.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    hostler: Endpoint;
    kubernetes: Endpoint;
    /** Whose ID tokens both take. */
    issuer: { url: string; kid: string; privateKey: string };
    /** Of this run, for names that no other run has used. */
    run: string;
  }
}

const ESTABLISHED_MS = 30_000;

/** What both are told of the issuer. */
const oidcFlags = ({ url, caFile }: OidcIssuer): string[] => [
  `--oidc-issuer-url=${url}`,
  '--oidc-client-id=hostler',
  `--oidc-ca-file=${caFile}`,
  '--oidc-groups-claim=groups',
  '--oidc-groups-prefix=oidc:',
  '--oidc-required-claim=org=acme',
];

/** Starts both servers once for the whole project, with the same CustomResourceDefinitions. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  // to count tests that cannot run here (see test/bootstrap.mjs)
  if (process.env['HOSTLER_LIST_ONLY'] !== undefined) return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'hostler-conformance-'));
  const key = tokenKey('RS256', 'conformance');
  const issuer = await OidcIssuer.start([key]);
  const policy = join(directory, 'audit-policy.yaml');
  await writeFile(policy, AUDIT_POLICY);
  const flagsOf = (side: string): string[] => [
    ...oidcFlags(issuer),
    `--audit-policy-file=${policy}`,
    `--audit-log-path=${join(directory, side, 'audit.log')}`,
  ];
  const plane = await StandalonePlane.start(['--no-controllers', ...flagsOf('hostler')]);
  const apiServerFlags = [...flagsOf('kubernetes'), '--enable-bootstrap-token-auth'];
  const cluster = await KubeCluster.start({ controllerManager: false, apiServerFlags }).catch(
    async (error: unknown) => {
      await plane.remove();
      throw error;
    },
  );
  const hostler: Endpoint = {
    name: 'hostler',
    url: plane.url,
    pki: join(plane.directory, 'pki'),
    kubeconfig: plane.kubeconfig,
    home: join(directory, 'hostler'),
  };
  const kubernetes: Endpoint = {
    name: 'kubernetes',
    url: cluster.url,
    pki: join(cluster.directory, 'pki'),
    kubeconfig: cluster.kubeconfig,
    home: join(directory, 'kubernetes'),
  };
  await mkdir(hostler.home, { recursive: true });
  await mkdir(kubernetes.home, { recursive: true });
  const stop = async (): Promise<void> => {
    await Promise.all([cluster.stop(), plane.remove(), issuer.remove()]);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const shared = [WIDGETS_CRD, GEARS_CRD, parse(await readFile(SITES_FILE, 'utf8'))];
    await Promise.all([install(kubernetes, [...kinds.map(toCrd), ...shared]), install(hostler, shared)]);
    // last, so that its garbage collector knows the kinds from the beginning
    await cluster.startControllerManager();
  } catch (error) {
    await stop();
    throw error;
  }
  project.provide('hostler', hostler);
  project.provide('kubernetes', kubernetes);
  const privateKey = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  project.provide('issuer', { url: issuer.url, kid: 'conformance', privateKey });
  project.provide('run', Date.now().toString(36).slice(-4));
  return stop;
}

/** Creates definitions and waits until their objects can be listed. */
async function install(endpoint: Endpoint, definitions: readonly unknown[]): Promise<void> {
  const side = new Side(endpoint);
  try {
    for (const definition of definitions) await installOne(side, definition as Definition);
    for (const definition of definitions) await untilServed(side, definition as Definition);
  } finally {
    await side.close();
  }
}

interface Definition {
  metadata: { name: string };
  spec: { group: string; names: { plural: string }; versions: { name: string }[] };
}

async function installOne(side: Side, definition: Definition): Promise<void> {
  const { code, text } = await side.ask('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    body: JSON.stringify(definition),
    headers: { 'content-type': 'application/json' },
  });
  if (code !== 201) throw new Error(`${side.endpoint.name} does not take ${definition.metadata.name}: ${text}`);
}

async function untilServed(side: Side, { spec }: Definition): Promise<void> {
  const path = `/apis/${spec.group}/${spec.versions[0]?.name ?? ''}/${spec.names.plural}`;
  const limit = Date.now() + ESTABLISHED_MS;
  for (;;) {
    const { code, text } = await side.ask('GET', path);
    if (code === 200) return;
    if (Date.now() > limit) throw new Error(`${side.endpoint.name} does not serve ${path}: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
