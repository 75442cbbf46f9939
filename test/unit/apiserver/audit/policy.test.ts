import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../../src/apiserver/audit/policy.ts';

const policy = (rules: string, more = ''): string =>
  `apiVersion: audit.k8s.io/v1\nkind: Policy\n${more}rules:\n${rules}`;

describe('an audit policy', () => {
  it('may leave out everything but levels', () => {
    const { rules, omitStages } = parsePolicy(policy('  - level: Metadata\n    users:\n    verbs: []'));
    expect(omitStages).toEqual([]);
    expect(rules[0]).toMatchObject({ level: 'Metadata', users: [], verbs: [], resources: [], nonResourceURLs: [] });
  });

  it('is taken as JSON, with metadata', () => {
    const text = JSON.stringify({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      metadata: { name: 'a', creationTimestamp: null },
      omitManagedFields: true,
      rules: [{ level: 'Request', resources: [{ group: '', resources: ['pods', '*/scale'] }] }],
    });
    expect(parsePolicy(text)).toMatchObject({ omitManagedFields: true, rules: [{ level: 'Request' }] });
  });

  it.each([
    [
      'another version',
      'apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]',
      'apiVersion "audit.k8s.io/v1beta1"',
    ],
    ['another kind', 'apiVersion: audit.k8s.io/v1\nkind: Event\nrules: [{level: None}]', 'kind "Event"'],
    ['no rules', 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []', 'rules: '],
    ['nothing', '', 'the document'],
    ['no YAML', 'a: [', 'it is not YAML'],
    ['no level', policy('  - users: [a]'), 'rules[0].level'],
    ['an unknown level', policy('  - level: Full'), 'rules[0].level "Full": Invalid option'],
    ['an unknown stage', policy('  - level: None\n    omitStages: [Begun]'), 'rules[0].omitStages[0] "Begun"'],
    ['an unknown stage of all', policy('  - level: None', 'omitStages: [Begun]\n'), 'omitStages[0] "Begun"'],
    ['an unknown field', policy('  - level: None\n    user: [a]'), 'rules[0]: Unrecognized key: "user"'],
    [
      'a group with a version',
      policy('  - level: None\n    resources: [{group: apps/v1}]'),
      'rules[0].resources[0].group "apps/v1"',
    ],
    [
      'names without a resource',
      policy('  - level: None\n    resources: [{resourceNames: [a]}]'),
      'rules[0].resources[0].resourceNames: needs',
    ],
    [
      'a path without a slash',
      policy('  - level: None\n    nonResourceURLs: [version]'),
      'nonResourceURLs[0] "version": must begin with /',
    ],
    [
      'a * within a path',
      policy('  - level: None\n    nonResourceURLs: ["/a*b"]'),
      'may have * only as its last character',
    ],
    [
      'paths beside namespaces',
      policy('  - level: None\n    nonResourceURLs: [/a]\n    namespaces: [b]'),
      'make two rules of it',
    ],
    [
      'a text for a list',
      policy('  - level: None\n    verbs: get'),
      'rules[0].verbs "get": Invalid input: expected array',
    ],
  ])('is refused with %s', (_, text, message) => {
    expect(() => parsePolicy(text)).toThrow(message);
  });
});
