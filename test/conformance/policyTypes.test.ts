import { interactions } from './harness/interactions.ts';
import { POLICIES, policy } from './harness/policies.ts';
import { create, type Json, type Step } from './harness/step.ts';

const TRUE = [{ expression: 'true' }];
const BY_CONFIG_MAP = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } };

const tried = (spec: object): Step =>
  create(`${POLICIES}?dryRun=All`, policy(spec), { pick: (body: Json) => [body.message, body.details?.causes] });
const rules = (...expressions: string[]): Step[] =>
  expressions.map((expression) => tried({ validations: [{ expression }] }));
/** One after the other, each named by a letter. */
const composed = (variables: readonly string[], ...expressions: string[]): Step =>
  tried({
    variables: variables.map((expression, index) => ({ name: 'abcdef'[index], expression })),
    validations: expressions.map((expression) => ({ expression })),
  });

interactions('types in policies', {
  'of the request': rules(
    'request.nosuch == 1',
    'request.operation == 1',
    'request.kind.kind == "x" && request.kind.x == 1',
    'request.userInfo.groups.exists(g, g == 1)',
    'request.userInfo.extra["a"] == "x"',
    'request.options.x == 1',
    'request.namespace == "a" && request.name == null',
    'request["operation"] == "a"',
    'has(request.nosuch) || has(request.name)',
    'request == null',
    'request.dryRun',
    'request.options',
    '"a" in request',
    'request.exists(a, true)',
    'request.uid == ""',
    'request.?name.orValue("") == request.?nosuch.orValue("")',
    '[request.name, 1].size() == 2',
    'request.userInfo.groups + 1',
  ),
  'of the namespace': rules(
    'namespaceObject.metadata.nosuch == 1',
    'namespaceObject.metadata.labels.a == "x" && "a" in namespaceObject.metadata.labels',
    'namespaceObject.metadata.labels.a == 1',
    'namespaceObject == null || object == namespaceObject',
    'namespaceObject.metadata.creationTimestamp > timestamp("2020-01-01T00:00:00Z")',
    'namespaceObject.metadata.uid == ""',
    'namespaceObject.metadata.UID == ""',
    'namespaceObject.spec.finalizers[0] == 1',
    'namespaceObject.status.conditions[0].type == 1',
    'namespaceObject.status.phase == 2',
    'namespaceObject.kind == "a"',
    'namespaceObject == request',
  ),
  'of expressions as a whole': [
    ...rules('object.spec', 'dyn(true)', 'true ? dyn(1) : true', 'duration("1s")', '[null]', 'type(1)', 'authorizer'),
    ...rules('optional.of(1)', '{"a": timestamp("2020-01-01T00:00:00Z")}', 'request', 'namespaceObject.metadata.name'),
    tried({ ...BY_CONFIG_MAP, validations: [{ expression: 'params.a' }] }),
  ],
  'of messages': [
    ...['object.a', 'request.operation', 'request.dryRun', 'null', 'variables.a', 'params.x', ' request.nosuch '],
    ...['string(params.x)', 'authorizer.path("/a").check("get").reason()', 'namespaceObject.metadata.nosuch'],
  ].map((messageExpression) => tried({ ...BY_CONFIG_MAP, validations: [{ expression: 'true', messageExpression }] })),
  'of conditions': [
    ...['request.nosuch == 1', '  request.nosuch == 1', 'request.dryRun', 'object.x', '1', 'params.x == 1'],
    ...['namespaceObject.metadata.nosuch == ""', 'authorizer.path("/").check("get").allowed()'],
  ].map((expression) => tried({ matchConditions: [{ name: 'a', expression }], validations: TRUE })),
  'of annotations': [
    ...['request.nosuch', '  request.nosuch', 'request.dryRun', 'object.x', 'namespaceObject.metadata.name', 'null'],
    ...['request.operation', 'params.x', '  1', 'true ? "a" : dyn(null)'],
  ].map((valueExpression) => tried({ auditAnnotations: [{ key: 'a', valueExpression }] })),
  'of variables': [
    composed(['request.nosuch', 'namespaceObject.metadata.nosuch', ' nosuch', 'variables.d'], 'true'),
    composed(['nosuch', 'variables.a + 1'], 'variables.a == 1 && variables.b == 2'),
    composed(['request', '[request]', '{"a": request}'], 'variables.a.nosuch == 1', 'variables.b[0].nosuch == 1'),
    composed(['request.operation', 'request.userInfo.groups'], 'variables.a == 1', 'variables.b == 1'),
    composed(['authorizer.group("")'], 'variables.a.resource("x").check("get").allowed()', 'variables.a.x'),
    composed(['quantity("1")', 'optional.of(1)', 'type(1)'], 'variables.a.x', 'variables.b == 1', 'variables.c == 1'),
    composed(['duration("1s")', 'null', '[]'], 'variables.a == 1', 'variables.b', 'variables.c == 1'),
    composed(['object.x'], 'variables.a', 'variables == 1', 'variables.nosuch == 1'),
  ],
});
