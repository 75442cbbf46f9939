import { interactions, type Cases } from './harness/interactions.ts';
import { CRDS, definition, OBJECT, spec } from './harness/definitions.ts';
import { create } from './harness/step.ts';

const rule = (node: object, ...rules: object[]): object => ({ ...node, 'x-kubernetes-validations': rules });

const embedded = (properties: object): object => ({
  type: 'object',
  'x-kubernetes-embedded-resource': true,
  properties: { spec: { type: 'object' }, ...properties },
});
/** An embedded resource whose metadata has this schema. */
const withMetadata = (metadata: object): object => embedded({ metadata: { type: 'object', ...metadata } });
const ofName = (name: object): object => withMetadata({ properties: { name } });

/** Defaults, good and bad, of `spec.a` or of something in it. */
const DEFAULTS: Readonly<Record<string, object>> = {
  'that breaks a rule': rule({ type: 'integer', default: 5 }, { rule: 'self < 3' }),
  'that keeps a rule': rule({ type: 'integer', default: 2 }, { rule: 'self < 3' }),
  'that breaks a rule of a member': {
    type: 'object',
    default: { b: 5 },
    properties: { b: rule({ type: 'integer' }, { rule: 'self < 3' }) },
  },
  'that no object could keep': rule({ type: 'integer', default: 2 }, { rule: 'self > oldSelf' }),
  'that no new object could have': rule(
    { type: 'integer', default: 2 },
    { rule: 'oldSelf.hasValue()', optionalOldSelf: true },
  ),
  'that a rule fails on': rule({ type: 'integer', default: 2 }, { rule: 'self / 0 == 1' }),
  'in metadata with an unknown member': withMetadata({ default: { name: 'b', unknown: 'x' } }),
  'in metadata of a wrong type': withMetadata({ default: { labels: { a: 1 } } }),
  'in metadata with a bad label': withMetadata({ default: { labels: { a: 'x y' } } }),
  'a bad name': ofName({ type: 'string', default: 'x/y' }),
  'a name that is none': ofName({ type: 'string', default: 5 }),
  'a name that its own schema forbids': ofName({ type: 'string', maxLength: 1, default: 'xy' }),
  'a bad item of metadata': withMetadata({
    properties: { finalizers: { type: 'array', items: { type: 'string', default: 'a b' } } },
  }),
  'an empty kind': embedded({ kind: { type: 'string', default: '' } }),
  'a bad apiVersion': embedded({ apiVersion: { type: 'string', default: 'a/b/c' } }),
  'a resource with unknown metadata': {
    ...withMetadata({}),
    default: { apiVersion: 'v1', kind: 'Pod', metadata: { unknown: 'x', name: 'a' } },
  },
  'a resource with metadata of a wrong type': {
    ...withMetadata({}),
    default: { apiVersion: 'v1', kind: 'Pod', metadata: { labels: { a: 1 } } },
  },
  'a resource without a kind': { ...withMetadata({}), default: { apiVersion: 'v1' } },
};

/** Schemas, good and bad, as the type of `spec.a` or whole. */
const FIELDS: Readonly<Record<string, object>> = {
  'no type': {},
  'an unknown type': { type: 'file' },
  'null as type': { type: 'null' },
  'an array without items': { type: 'array' },
  'an array with two items': { type: 'array', items: [{ type: 'string' }, { type: 'string' }] },
  'items without a type': { type: 'array', items: {} },
  'properties and additionalProperties': {
    type: 'object',
    properties: { a: { type: 'string' } },
    additionalProperties: { type: 'string' },
  },
  'additionalProperties false': { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false },
  'additionalProperties true': { type: 'object', additionalProperties: true },
  'a $ref': { $ref: '#/definitions/x' },
  definitions: { type: 'object', definitions: { a: OBJECT } },
  dependencies: { type: 'object', dependencies: { a: ['b'] } },
  patternProperties: { type: 'object', patternProperties: { a: OBJECT } },
  additionalItems: { type: 'array', items: { type: 'string' }, additionalItems: true },
  uniqueItems: { type: 'array', items: { type: 'string' }, uniqueItems: true },
  'an id': { type: 'string', id: 'x', $schema: 'http://json-schema.org/schema#' },
  'a type inside oneOf': { type: 'object', oneOf: [{ type: 'string' }] },
  'a default inside anyOf': {
    type: 'object',
    properties: { x: { type: 'string' } },
    anyOf: [{ properties: { x: { default: 'y' } } }],
  },
  'a description inside not': { type: 'object', not: { description: 'x' } },
  'a property inside allOf that is not outside': { type: 'object', allOf: [{ properties: { x: { minLength: 1 } } }] },
  'nullable inside allOf': {
    type: 'object',
    properties: { x: { type: 'string' } },
    allOf: [{ properties: { x: { nullable: true } } }],
  },
  'a bad pattern': { type: 'string', pattern: '(' },
  'a pattern of Perl': { type: 'string', pattern: '(?=x)' },
  'a pattern of Go': { type: 'string', pattern: '(?i)^x$' },
  'a default of a wrong type': { type: 'string', default: 5 },
  'a default that is not allowed': { type: 'string', enum: ['a'], default: 'b' },
  'a default that is pruned': { type: 'object', properties: { a: { type: 'string' } }, default: { b: 'x' } },
  'a good default': { type: 'object', properties: { a: { type: 'string', default: 'x' } }, default: {} },
  'a default of null': { type: 'string', default: null },
  'a nullable default of null': { type: 'string', nullable: true, default: null },
  'an enum of wrong types': { type: 'string', enum: [1, 'a'] },
  'an empty enum': { type: 'string', enum: [] },
  'a list type of an object': { type: 'object', 'x-kubernetes-list-type': 'set' },
  'an unknown list type': { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'bag' },
  'a set of objects': {
    type: 'array',
    items: { type: 'object', properties: { a: { type: 'string' } } },
    'x-kubernetes-list-type': 'set',
  },
  'a set of atomic objects': {
    type: 'array',
    items: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: { type: 'string' } } },
    'x-kubernetes-list-type': 'set',
  },
  'a map without keys': {
    type: 'array',
    items: { type: 'object', properties: { a: { type: 'string' } } },
    'x-kubernetes-list-type': 'map',
  },
  'a map with an unknown key': {
    type: 'array',
    items: { type: 'object', properties: { a: { type: 'string' } } },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['b'],
  },
  'a map with an optional key': {
    type: 'array',
    items: { type: 'object', properties: { a: { type: 'string' } } },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a'],
  },
  'a map with a defaulted key': {
    type: 'array',
    items: { type: 'object', properties: { a: { type: 'string', default: 'x' } } },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a'],
  },
  'a map with a key twice': {
    type: 'array',
    items: { type: 'object', required: ['a'], properties: { a: { type: 'string' } } },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a', 'a'],
  },
  'a map with an object as key': {
    type: 'array',
    items: { type: 'object', required: ['a'], properties: { a: OBJECT } },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a'],
  },
  'a map of texts': {
    type: 'array',
    items: { type: 'string' },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a'],
  },
  'keys without a map': { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-map-keys': ['a'] },
  'a map type of a text': { type: 'string', 'x-kubernetes-map-type': 'atomic' },
  'an unknown map type': { type: 'object', 'x-kubernetes-map-type': 'loose' },
  'int or string': { 'x-kubernetes-int-or-string': true },
  'int or string with a type': { type: 'string', 'x-kubernetes-int-or-string': true },
  'int or string by anyOf': { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
  'preserve false': { type: 'object', 'x-kubernetes-preserve-unknown-fields': false },
  'preserve without a type': { 'x-kubernetes-preserve-unknown-fields': true },
  'preserve a text': { type: 'string', 'x-kubernetes-preserve-unknown-fields': true },
  'an embedded resource that is a text': { type: 'string', 'x-kubernetes-embedded-resource': true },
  'an embedded resource without properties': { type: 'object', 'x-kubernetes-embedded-resource': true },
  'an embedded resource that defines metadata': {
    type: 'object',
    'x-kubernetes-embedded-resource': true,
    properties: { metadata: { type: 'object', properties: { name: { type: 'string', maxLength: 5 } } }, spec: OBJECT },
  },
  'an unknown extension': { type: 'object', 'x-kubernetes-nothing': true },
  'a negative length': { type: 'string', maxLength: -1 },
  'a length that is text': { type: 'string', maxLength: 'x' },
  'a minimum that is text': { type: 'integer', minimum: 'x' },
  'an exclusive minimum of numbers': { type: 'integer', exclusiveMinimum: 5 },
  'a format that is unknown': { type: 'string', format: 'odd' },
  'a required member that is not there': { type: 'object', required: ['x'], properties: { y: { type: 'string' } } },
  'external documentation': { type: 'string', externalDocs: { url: 'http://example.com' }, example: 'x', title: 'T' },
};

const RULES: Readonly<Record<string, object>> = {
  true: rule({ type: 'string' }, { rule: 'true' }),
  'no rule': rule({ type: 'string' }, { rule: '' }),
  'only blanks': rule({ type: 'string' }, { rule: '  ' }),
  'a syntax error': rule({ type: 'string' }, { rule: 'self ==' }),
  'an unknown name': rule({ type: 'string' }, { rule: 'other == self' }),
  'an unknown member': rule({ type: 'object', properties: { a: { type: 'string' } } }, { rule: 'self.b == 1' }),
  'no boolean': rule({ type: 'string' }, { rule: 'self + self' }),
  'two types compared': rule({ type: 'string' }, { rule: 'self == 5' }),
  'an unknown function': rule({ type: 'string' }, { rule: 'self.shout()' }),
  'a message of two lines': rule({ type: 'string' }, { rule: 'true', message: 'a\nb' }),
  'a message of blanks': rule({ type: 'string' }, { rule: 'true', message: ' ' }),
  'a rule of two lines without a message': rule({ type: 'string' }, { rule: 'true ||\nfalse' }),
  'a message too long': rule({ type: 'string' }, { rule: 'true', message: 'x'.repeat(2100) }),
  'a messageExpression of a wrong type': rule({ type: 'string' }, { rule: 'true', messageExpression: '5' }),
  'a messageExpression with an error': rule({ type: 'string' }, { rule: 'true', messageExpression: 'self +' }),
  'an unknown reason': rule({ type: 'string' }, { rule: 'true', reason: 'Odd' }),
  'a fieldPath that is not there': rule(
    { type: 'object', properties: { a: { type: 'string' } } },
    { rule: 'true', fieldPath: '.b' },
  ),
  'a fieldPath': rule({ type: 'object', properties: { a: { type: 'string' } } }, { rule: 'true', fieldPath: '.a' }),
  'a fieldPath without a dot': rule(
    { type: 'object', properties: { a: { type: 'string' } } },
    { rule: 'true', fieldPath: 'a' },
  ),
  oldSelf: rule({ type: 'string' }, { rule: 'self == oldSelf' }),
  'oldSelf in an atomic list': { type: 'array', items: rule({ type: 'string' }, { rule: 'self == oldSelf' }) },
  'oldSelf in a keyed list': {
    type: 'array',
    maxItems: 10,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a'],
    items: rule(
      { type: 'object', required: ['a'], properties: { a: { type: 'string', maxLength: 5 } } },
      { rule: 'self.a == oldSelf.a' },
    ),
  },
  optionalOldSelf: rule({ type: 'string' }, { rule: 'oldSelf.hasValue() || self != ""', optionalOldSelf: true }),
  'optionalOldSelf without oldSelf': rule({ type: 'string' }, { rule: 'self != ""', optionalOldSelf: true }),
  'a rule that costs too much': {
    type: 'array',
    items: { type: 'array', items: rule({ type: 'string' }, { rule: 'self.matches("x")' }) },
  },
  'a rule that is bounded': {
    type: 'array',
    maxItems: 10,
    items: rule({ type: 'string', maxLength: 10 }, { rule: 'self.matches("^x$")' }),
  },
  'a comprehension without bounds': rule(
    { type: 'array', items: { type: 'string' } },
    { rule: 'self.all(x, self.all(y, x == y))' },
  ),
  'a bad regular expression': rule({ type: 'string', maxLength: 5 }, { rule: 'self.matches("(")' }),
  'escaped names': rule(
    {
      type: 'object',
      properties: {
        'a-b': { type: 'string' },
        'c.d': { type: 'string' },
        in: { type: 'string' },
        e__f: { type: 'string' },
      },
    },
    { rule: "self.a__dash__b == 'x' || self.c__dot__d == 'x' || self.__in__ == 'x' || self.e__underscores__f == 'x'" },
  ),
  'a rule of a preserved object': rule(
    { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    { rule: 'self.a == 1' },
  ),
  'int or string': rule(
    { 'x-kubernetes-int-or-string': true },
    { rule: "type(self) == string ? self == 'x' : self == 5" },
  ),
  'quantities and addresses': rule(
    { type: 'string', maxLength: 30 },
    { rule: 'isQuantity(self) || isIP(self) || isCIDR(self) || isURL(self)' },
  ),
  'two-variable comprehension': rule(
    { type: 'object', maxProperties: 5, additionalProperties: { type: 'string', maxLength: 5 } },
    { rule: 'self.all(k, v, k != v)' },
  ),
  optionals: rule({ type: 'object', properties: { a: { type: 'string' } } }, { rule: "self.?a.orValue('x') == 'x'" }),
  'messageExpression with a message': rule(
    { type: 'string', maxLength: 9 },
    { rule: 'self == "x"', message: 'm', messageExpression: '"not " + self' },
  ),
};

const judged = (cases: Readonly<Record<string, object>>): Cases =>
  Object.fromEntries(
    Object.entries(cases).map(([name, field]) => [
      name,
      [create(`${CRDS}?dryRun=All`, definition({ schema: spec({ a: field }) }))],
    ]),
  );

interactions('a definition whose field has', judged(FIELDS));
interactions('a definition whose rule is', judged(RULES));
interactions('a definition with a default', judged(DEFAULTS));
