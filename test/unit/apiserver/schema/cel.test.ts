import { describe, expect, it } from 'vitest';
import { toCrd } from '../../../../src/api/crd.ts';
import { kinds } from '../../../../src/api/kinds.ts';
import type { JsonObject } from '../../../../src/apiserver/codec/json.ts';
import { checkRules } from '../../../../src/apiserver/schema/cel/checkRules.ts';
import { compileRules } from '../../../../src/apiserver/schema/cel/ruleSet.ts';
import { errorText } from '../../../../src/apiserver/schema/fieldErrors.ts';
import { parseStructural } from '../../../../src/apiserver/schema/structural.ts';

const schemaOf = (kind: string): JsonObject => {
  const crd = toCrd(kinds.find((one) => one.kind === kind)!) as {
    spec: { versions: { schema: { openAPIV3Schema: JsonObject } }[] };
  };
  return crd.spec.versions[0]!.schema.openAPIV3Schema;
};
const server = parseStructural(schemaOf('Server'));
const operation = parseStructural(schemaOf('ServerOperation'));

function judge(root: ReturnType<typeof parseStructural>, object: JsonObject, old?: JsonObject): string[] {
  const pair = old && { value: object, old, node: root };
  return compileRules(root)!.evaluate(object, pair).map(errorText);
}

function judgeRule(properties: JsonObject, rules: JsonObject[], self: JsonObject, old?: JsonObject): string[] {
  const root = parseStructural({ type: 'object', properties, 'x-kubernetes-validations': rules });
  return judge(root, self, old);
}

const good = (ssh: JsonObject = {}): JsonObject => ({
  metadata: { name: 'a' },
  spec: {
    addresses: [{ type: 'IPv4', address: '203.0.113.10' }],
    ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'k' } }, ...ssh },
  },
});

describe('the rules of our own kinds', () => {
  it.each(kinds.map((kind) => kind.kind))('compile and stay within the cost budget: %s', (kind) => {
    expect(checkRules(parseStructural(schemaOf(kind)), 'schema')).toEqual([]);
  });

  it('accept a good Server', () => {
    expect(judge(server, good())).toEqual([]);
    expect(judge(server, good({ addressType: 'IPv4', port: 2222 }))).toEqual([]);
  });

  it.each([
    {
      name: 'two credentials',
      object: good({
        auth: { privateKeySecretRef: { name: 'k' }, passwordSecretRef: { name: 'p' } },
        hostKeyPolicy: 'Strict',
      }),
      error: 'spec.ssh.auth: Invalid value: exactly one of privateKeySecretRef and passwordSecretRef must be set',
    },
    {
      name: 'a password without a stated host key policy',
      object: good({ auth: { passwordSecretRef: { name: 'p' } } }),
      error:
        'spec.ssh.hostKeyPolicy: Required value: hostKeyPolicy must be stated (TrustOnFirstUse or Strict) when a password may be sent to the host',
    },
    {
      name: 'an address type that no address has',
      object: good({ addressType: 'FQDN' }),
      error: 'spec.ssh.addressType: Invalid value: ssh.addressType names a type that addresses does not have',
    },
  ])('refuse $name with path and message', ({ object, error }) => {
    expect(judge(server, object)).toEqual([error]);
  });

  it.each(['host', 'none', 'bridge', 'default'])(
    'refuse a proxy on the network %s, where it is no use or in the open',
    (network) => {
      const object = good();
      (object['spec'] as JsonObject)['proxy'] = { type: 'NginxProxyManager', network };
      expect(judge(server, object)).toEqual([
        'spec.proxy.network: Invalid value: network must be one of its own: on host the ports of the container are open to everybody, on bridge, default and none it finds no other container by name',
      ]);
    },
  );

  it('refuse an address that does not fit its type', () => {
    const object = good();
    (object['spec'] as JsonObject)['addresses'] = [{ type: 'IPv4', address: '$(reboot)' }];
    expect(judge(server, object)).toEqual([expect.stringContaining('spec.addresses[0]: Invalid value')]);
  });

  it('keep the spec of an operation as it was, but let it be cancelled', () => {
    const retry = (extra: JsonObject = {}): JsonObject => ({
      spec: { serverRef: { name: 'a' }, type: 'Retry', ...extra },
    });
    expect(judge(operation, retry(), retry())).toEqual([]);
    expect(judge(operation, retry({ cancel: true }), retry())).toEqual([]);
    expect(judge(operation, retry({ serverRef: { name: 'b' } }), retry())).toEqual([
      expect.stringContaining('immutable'),
    ]);
    expect(judge(operation, retry(), retry({ cancel: true }))).toEqual([
      expect.stringContaining('cannot be taken back'),
    ]);
    expect(judge(operation, retry({ approve: { planHash: 'x' } }))).toEqual([
      expect.stringContaining('forbidden otherwise'),
    ]);
  });
});

describe('rules in general', () => {
  const count = { type: 'integer' };

  it('count with integers as integers', () => {
    const rules = [{ rule: 'self.n * 2 + 1 <= 9 && self.n % 2 == 0' }];
    expect(judgeRule({ n: count }, rules, { n: 4 })).toEqual([]);
    expect(judgeRule({ n: count }, rules, { n: 5 })).toEqual([
      '<nil>: Invalid value: failed rule: self.n * 2 + 1 <= 9 && self.n % 2 == 0',
    ]);
  });

  it('say what messageExpression says', () => {
    const rules = [
      {
        rule: 'self.n < 3',
        messageExpression: '"n is " + string(self.n)',
        reason: 'FieldValueForbidden',
        fieldPath: '.n',
      },
    ];
    expect(judgeRule({ n: count }, rules, { n: 5 })).toEqual(['n: Forbidden: n is 5']);
  });

  it('run transition rules on updates only', () => {
    const rules = [{ rule: 'self.n >= oldSelf.n', message: 'only up' }];
    expect(judgeRule({ n: count }, rules, { n: 1 })).toEqual([]);
    expect(judgeRule({ n: count }, rules, { n: 1 }, { n: 2 })).toEqual(['<nil>: Invalid value: only up']);
  });

  it('do not judge again what did not change', () => {
    const rules = [{ rule: 'self.n < 3' }];
    expect(judgeRule({ n: count, m: count }, rules, { n: 5 }, { n: 5 })).toEqual([]);
    expect(judgeRule({ n: count, m: count }, rules, { n: 5, m: 1 }, { n: 5 })).toHaveLength(1);
  });

  it('know escaped names, has() and the libraries of Kubernetes', () => {
    const text = { type: 'string' };
    const list = { type: 'array', items: { type: 'integer' } };
    const rules = [
      { rule: 'has(self.a__dash__b) && self.a__dash__b == "x"' },
      { rule: '!has(self.missing)' },
      { rule: 'self.l.isSorted() && self.l.sum() == 6 && self.l.max() == 3 && self.l.indexOf(2) == 1' },
      { rule: 'isURL(self.u) && url(self.u).getHost() == "example.org:8080" && url(self.u).getScheme() == "https"' },
      { rule: 'quantity("1Gi").isGreaterThan(quantity("500Mi")) && isIP("::1") && isCIDR("10.0.0.0/8")' },
      { rule: '"a1b22".findAll("[0-9]+") == ["1", "22"] && sets.contains([1, 2], [2])' },
      { rule: '"a,b".split(",").size() == 2 && "Ab".lowerAscii() == "ab" && "abc".indexOf("c") == 2' },
    ];
    const properties = { 'a-b': text, missing: text, l: list, u: text };
    expect(judgeRule(properties, rules, { 'a-b': 'x', l: [1, 2, 3], u: 'https://example.org:8080/p' })).toEqual([]);
  });

  it('take a hostile pattern in linear time (a backtracking engine would not end)', () => {
    const rules = [{ rule: "self.t.matches('^(a+)+$')" }];
    expect(judgeRule({ t: { type: 'string' } }, rules, { t: `${'a'.repeat(5000)}b` })).toHaveLength(1);
  });

  it.each([
    "self.t.trim() == ''",
    'isQuantity(self.t)',
    'isURL(self.t)',
    "url('/?' + self.t).getQuery().size() > 9",
    'isSemver(self.t)',
    'self.t.find("x+$") == "y"',
    'duration(self.t) > duration("1s")',
  ])('read a hostile text in linear time: %s', (rule) => {
    const hostile = [
      ' '.repeat(500_000) + 'x',
      '1'.repeat(500_000) + 'x',
      'a&'.repeat(200_000),
      'x'.repeat(5000) + 'y',
    ];
    const start = process.cpuUsage();
    for (const t of hostile) expect(judgeRule({ t: { type: 'string' } }, [{ rule }], { t })).toHaveLength(1);
    // quadratic time would be minutes
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(5);
  });

  it.each(["self.t.replace('', self.t) == ''", "self.t.split('').map(x, self.t).join() == ''"])(
    'make no text that would fill the memory: %s',
    (rule) => {
      const t = 'x'.repeat(50_000);
      expect(judgeRule({ t: { type: 'string' } }, [{ rule }], { t })).toEqual([
        expect.stringMatching(/is too long evaluating rule|cost limit exceeded/),
      ]);
    },
  );

  it.each([
    [
      'a deep tree',
      `${'('.repeat(200)}1${' + 1 + 1 + 1 + 1 + 1 + 1)'.repeat(200)} > 0`,
      'max recursion depth exceeded',
    ],
    [
      'a tree that macros double again and again',
      `self.?n${'.optMap(x, x)'.repeat(25)}.hasValue()`,
      'size exceeds limit',
    ],
  ])('are refused when they are too large to work with: %s', (_name, rule, error) => {
    const root = parseStructural({ type: 'object', properties: { n: count }, 'x-kubernetes-validations': [{ rule }] });
    expect(checkRules(root, 's').map(errorText)).toEqual([expect.stringContaining(error)]);
  });

  it.each([
    { rule: 'self.n <', error: 'compilation failed' },
    { rule: 'slef.n < 3', error: "undeclared reference to 'slef'" },
    { rule: 'frobnicate(self.n)', error: "undeclared reference to 'frobnicate'" },
  ])('are refused in a CRD when they do not compile: $rule', ({ rule, error }) => {
    const root = parseStructural({ type: 'object', properties: { n: count }, 'x-kubernetes-validations': [{ rule }] });
    expect(checkRules(root, 's').map(errorText)).toEqual([expect.stringContaining(error)]);
  });

  it('are refused in a CRD when they cost too much', () => {
    const list = { type: 'array', items: { type: 'string' } };
    const rules = [{ rule: 'self.a.all(x, self.a.all(y, self.a.exists(z, z == x + y)))' }];
    const root = parseStructural({ type: 'object', properties: { a: list }, 'x-kubernetes-validations': rules });
    expect(checkRules(root, 's').map(errorText)).toEqual([
      expect.stringContaining('estimated rule cost exceeds budget'),
      expect.stringContaining('contributed to estimated rule cost total'),
      expect.stringContaining('estimated rule cost total for entire OpenAPIv3 schema exceeds budget'),
    ]);
    const bounded = { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 10 } };
    const fine = parseStructural({ type: 'object', properties: { a: bounded }, 'x-kubernetes-validations': rules });
    expect(checkRules(fine, 's')).toEqual([]);
  });
});
