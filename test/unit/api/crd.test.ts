import { describe, expect, it } from 'vitest';
import { toCrd } from '../../../src/api/crd.ts';
import { kinds } from '../../../src/api/kinds.ts';
import { knownHostName } from '../../../src/api/knownHost.ts';
import {
  validateCustomResourceDefinition,
  defaultCustomResourceDefinition,
} from '../../../src/apiserver/schema/crd.ts';
import { compileStructuralSchema } from '../../../src/apiserver/schema/resourceSchema.ts';
import type { JsonObject } from '../../../src/apiserver/codec/json.ts';
import { errorText } from '../../../src/apiserver/schema/fieldErrors.ts';

interface Node {
  type?: string;
  description?: string;
  maxItems?: number;
  default?: unknown;
  properties?: Record<string, Node>;
  items?: Node;
}

const schemaOf = (kind: string) => {
  const crd = toCrd(kinds.find((one) => one.kind === kind)!) as unknown as {
    spec: { versions: { schema: { openAPIV3Schema: Node } }[] };
  };
  return crd.spec.versions[0]!.schema.openAPIV3Schema;
};

function* nodes(node: Node, path: string): Generator<[string, Node]> {
  yield [path, node];
  for (const [name, child] of Object.entries(node.properties ?? {})) yield* nodes(child, `${path}.${name}`);
  if (node.items !== undefined) yield* nodes(node.items, `${path}[]`);
}

describe.each(kinds.map((kind) => kind.kind))('the CRD of %s', (kind) => {
  it('is accepted by our own API server', () => {
    const crd = structuredClone(toCrd(kinds.find((one) => one.kind === kind)!)) as JsonObject;
    defaultCustomResourceDefinition(crd);
    expect(validateCustomResourceDefinition(crd).map(errorText)).toEqual([]);
  });

  it('belongs to the category hostler only: kubectl delete all --all deletes no Server', () => {
    expect(toCrd(kinds.find((one) => one.kind === kind)!)).toMatchObject({
      spec: { names: { categories: ['hostler'] } },
    });
  });

  it('bounds every list, describes every field and states no default but of a status that nobody wrote', () => {
    const wrong: string[] = [];
    for (const [path, node] of nodes(schemaOf(kind), kind)) {
      if (node.type === 'array' && node.maxItems === undefined) wrong.push(`${path} has no maxItems`);
      if (node.default !== undefined && path !== `${kind}.status`) wrong.push(`${path} has a default`);
      for (const [name, child] of Object.entries(node.properties ?? {})) {
        const described = child.description ?? child.items?.description;
        const plainHolder = name === 'serverRef' || name === 'status';
        if (described === undefined && !plainHolder) wrong.push(`${path}.${name} has no description`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('an object that no controller has seen', () => {
  it.each([
    ['Server', { observedGeneration: -1 }],
    ['ServerOperation', { conditions: [{ type: 'Ready', status: 'Unknown' }] }],
    ['ArtifactBundle', { conditions: [{ type: 'Ready', status: 'Unknown' }] }],
  ])('is not done for kstatus: %s', (kind, status) => {
    const object: JsonObject = { metadata: { name: 'a' }, spec: {} };
    compileStructuralSchema(schemaOf(kind) as JsonObject).admitStored(object);
    expect(object['status']).toMatchObject(status);
  });
});

describe('a quantity', () => {
  it.each([
    { disk: '80Gi', ok: true },
    { disk: 5, ok: true },
    { disk: '1.5e3', ok: true },
    { disk: '500m', ok: true },
    { disk: '1G; touch /tmp/x', ok: false },
    { disk: 'lots', ok: false },
    { disk: '', ok: false },
  ])('$disk is accepted: $ok', ({ disk, ok }) => {
    const schema = compileStructuralSchema(schemaOf('Server') as unknown as JsonObject);
    const object: JsonObject = {
      spec: {
        addresses: [{ type: 'IPv4', address: '203.0.113.1' }],
        ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'k' } } },
        requirements: { disk },
      },
    };
    expect(schema.validateCreate(object).map((error) => error.field)).toEqual(ok ? [] : ['spec.requirements.disk']);
  });
});

describe('the name of a KnownHost', () => {
  it.each([
    ['203.0.113.10', 22, '203.0.113.10-22'],
    ['2001:db8::1', 22, '2001-db8--1-22'],
    ['Host.Example.ORG', 2222, 'host.example.org-2222'],
    ['::1', 22, '1-22'],
    ['fqdn.', 22, 'fqdn-22'],
  ])('of %s port %d is %s', (address, port, name) => expect(knownHostName(address, port)).toBe(name));

  it('is another one behind a jump host', () =>
    expect(knownHostName('10.0.0.5', 22, 'bastion')).toBe('10.0.0.5-22.via.bastion'));
});
