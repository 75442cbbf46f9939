import { interactions, type Cases } from './harness/interactions.ts';
import { configMap, create, kubectl, widget } from './harness/step.ts';

const WIDGET =
  'apiVersion: conformance.example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec: {note: some, parts: [{name: x}]}\n';
const CONFIG = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {t: "1"}}\ndata: {a: "1"}\n';
const ROLE =
  'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\nrules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]\n';
const A = create('configmaps', configMap('a', { a: '1' }, { labels: { t: '1' } }));
const W = create('widgets', widget('a', { note: 'some', replicas: 2 }));

const CASES: Cases = {
  'apply, twice, changed': [
    kubectl('apply -f -', CONFIG),
    kubectl('apply -f -', CONFIG),
    kubectl('apply -f -', CONFIG.replace('"1"}\n', '"2"}\n')),
    kubectl('get cm a -o yaml'),
  ],
  'apply a custom resource': [
    kubectl('apply -f -', WIDGET),
    kubectl('apply -f -', WIDGET),
    kubectl('apply -f -', WIDGET.replace('some', 'other')),
    kubectl('get wd a -o json'),
  ],
  'apply with an unknown member': [
    kubectl('apply -f -', `${CONFIG}extra: 1\n`),
    kubectl('apply -f -', WIDGET.replace('note', 'note: x, odd')),
  ],
  'apply with a bad value': [
    kubectl('apply -f -', WIDGET.replace('some', 'NO')),
    kubectl('apply -f -', WIDGET.replace('note: some', 'replicas: x')),
  ],
  'apply of an unknown kind': [kubectl('apply -f -', WIDGET.replace('Widget', 'Nothing'))],
  'apply without doing so': [
    kubectl('apply --dry-run=server -f -', CONFIG),
    kubectl('apply --dry-run=client -f -', CONFIG),
    kubectl('get cm a'),
  ],
  diff: [kubectl('apply -f -', CONFIG), kubectl('diff -f -', CONFIG)],
  create: [
    kubectl('create cm a --from-literal=x=y'),
    kubectl('create cm a --from-literal=x=y'),
    kubectl('create secret generic s --from-literal=x=y'),
    kubectl('create sa robot'),
    kubectl('create -f -', WIDGET),
    kubectl('create -f -', WIDGET),
  ],
  get: [
    A,
    W,
    kubectl('get cm a'),
    kubectl('get cm -l t=1'),
    kubectl('get cm a -o wide'),
    kubectl('get cm a -o name'),
    kubectl('get cm a --show-labels'),
    kubectl('get wd'),
    kubectl('get wd -o wide'),
    kubectl('get gadgets'),
    kubectl('get wd a -o jsonpath={.spec}'),
    kubectl('get wd a --output-watch-events --watch --request-timeout=1s'),
  ],
  'get of nothing': [kubectl('get wd'), kubectl('get wd x'), kubectl('get nothing'), kubectl('get cm x y')],
  'get by a selector': [
    A,
    kubectl('get cm --field-selector metadata.name=a'),
    kubectl('get cm --field-selector data.a=1'),
    kubectl('get cm -l t=2'),
    kubectl('get cm -l !'),
  ],
  'get in pages': [
    A,
    create('configmaps', configMap('b', {}, { labels: { t: '1' } })),
    kubectl('get cm -l t=1 --chunk-size=1'),
  ],
  'get the status': [W, kubectl('get wd a --subresource=status'), kubectl('get cm a --subresource=status')],
  'label and annotate': [
    A,
    kubectl('label cm a x=y'),
    kubectl('label cm a x=z'),
    kubectl('label cm a x=z --overwrite'),
    kubectl('label cm a x-'),
    kubectl('annotate cm a x=y'),
    kubectl('label cm a a/b/c=d'),
  ],
  patch: [
    A,
    W,
    kubectl('patch cm a -p {"data":{"b":"2"}}'),
    kubectl('patch wd a -p {"spec":{"note":"xx"}}'),
    kubectl('patch wd a --type=merge -p {"spec":{"note":"xx"}}'),
    kubectl('patch wd a --type=json -p [{"op":"remove","path":"/spec/note"}]'),
    kubectl('patch wd a --subresource=status --type=merge -p {"status":{"phase":"Ready"}}'),
    kubectl('patch wd a --type=merge -p {"spec":{"replicas":"x"}}'),
  ],
  scale: [
    W,
    kubectl('scale wd a --replicas=3'),
    kubectl('scale wd a --replicas=4 --current-replicas=2'),
    kubectl('scale cm a --replicas=3'),
  ],
  delete: [
    A,
    W,
    kubectl('delete cm a'),
    kubectl('delete cm a'),
    kubectl('delete wd --all'),
    kubectl('delete wd a --ignore-not-found'),
    kubectl('delete cm a b --wait=false'),
  ],
  'delete what is held': [
    create('configmaps', configMap('h', {}, { finalizers: ['example.com/hold'] })),
    kubectl('delete cm h --wait=false'),
    kubectl('get cm h'),
    kubectl('patch cm h --type=merge -p {"metadata":{"finalizers":null}}'),
    kubectl('wait --for=delete cm/h --timeout=5s'),
  ],
  replace: [
    A,
    kubectl('replace -f -', CONFIG),
    kubectl('replace --force -f -', CONFIG),
    kubectl('replace -f -', CONFIG.replace('name: a', 'name: z')),
  ],
  wait: [
    W,
    kubectl(
      'patch wd a --subresource=status --type=merge -p {"status":{"conditions":[{"type":"Done","status":"True"}]}}',
    ),
    kubectl('wait --for=condition=Done wd/a --timeout=5s'),
    kubectl('wait --for=condition=Never wd/a --timeout=1s'),
    kubectl('wait --for=jsonpath={.spec.replicas}=2 wd/a --timeout=5s'),
    kubectl('wait --for=delete wd/nothing --timeout=1s'),
  ],
  describe: [W, kubectl('describe wd a'), kubectl('describe cm nothing')],
  explain: [
    kubectl('explain wd'),
    kubectl('explain gears'),
    kubectl('explain wd.spec.parts'),
    kubectl('explain wd.spec.nothing'),
  ],
  events: [
    create('events', {
      metadata: { name: 'e' },
      involvedObject: { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: '{ns}' },
      reason: 'Tested',
      message: 'it was tested',
      type: 'Warning',
      source: { component: 'me' },
    }),
    kubectl('get events'),
    kubectl('events --for=cm/a'),
    kubectl('events --types=Normal'),
  ],
  'api-resources': [
    kubectl('api-resources --api-group=conformance.example.com'),
    kubectl('api-resources --api-group=conformance.example.com -o wide'),
    kubectl('api-resources --api-group=hostler.dev -o name'),
  ],
  'create by the server, without doing so': [
    kubectl('create cm z --from-literal=x=y --dry-run=server'),
    kubectl('create -f - --dry-run=server', WIDGET),
    A,
    kubectl('delete cm a --dry-run=server'),
    kubectl('label cm a x=y --dry-run=server'),
    kubectl('replace -f - --dry-run=server', CONFIG),
    kubectl('get cm a -o yaml'),
  ],
  'create roles and bindings': [
    kubectl('create role r --verb=get,list --resource=configmaps,widgets.conformance.example.com --resource-name=a'),
    kubectl('create role bad --verb=get --resource=nothings'),
    kubectl('create rolebinding rb --role=r --user=jane --group=g --serviceaccount={ns}:default'),
    kubectl('get role,rolebinding -o yaml'),
    kubectl('describe rolebinding rb'),
  ],
  'label more than one': [
    A,
    create('configmaps', configMap('b', {}, { labels: { t: '1' } })),
    kubectl('label cm -l t=1 x=y'),
    kubectl('label cm a x=q --overwrite --resource-version=1'),
    kubectl('annotate cm -l t=1 x=y'),
    kubectl('label cm nothing x=y'),
  ],
  'get in other forms': [
    A,
    W,
    kubectl('get cm -l t -o custom-columns=N:.metadata.name,D:.data.a'),
    kubectl('get cm -l t --sort-by=.metadata.name'),
    kubectl('get cm/a wd/a'),
    kubectl('get widgets.v1.conformance.example.com a'),
    kubectl('get widgets.v9.conformance.example.com a'),
    kubectl('get wd a -o yaml --show-managed-fields'),
    kubectl('get wd a --subresource=scale'),
  ],
  'set and view what was applied': [
    kubectl('apply -f -', CONFIG),
    kubectl('apply set-last-applied -f -', CONFIG.replace('"1"}\n', '"3"}\n')),
    kubectl('apply view-last-applied cm a'),
    kubectl('apply -f - --prune -l t=1 --prune-allowlist=core/v1/ConfigMap', CONFIG.replace('name: a', 'name: p')),
    kubectl('get cm -l t -o name'),
  ],
  'an apply set that is pruned': [
    kubectl('create cm set'),
    kubectl('apply -f - --server-side --prune --applyset=configmaps/set', CONFIG),
    kubectl('apply -f - --server-side --prune --applyset=configmaps/set', CONFIG.replace('name: a', 'name: b')),
    kubectl('get cm set a b -o yaml'),
  ],
  'delete in other ways': [
    A,
    kubectl('delete cm a --cascade=foreground'),
    A,
    kubectl('delete cm a --cascade=orphan --wait=false'),
    kubectl('wait --for=delete cm/a --timeout=5s'),
    A,
    kubectl('delete cm -l t=1 --grace-period=0 --force'),
    kubectl('delete -f - --ignore-not-found', CONFIG),
    kubectl('delete --raw /api/v1/namespaces/{ns}/configmaps/a'),
  ],
  'wait for something to be there': [
    W,
    kubectl('wait --for=create wd/a --timeout=2s'),
    kubectl('wait --for=jsonpath={.spec.note} wd/a --timeout=2s'),
    kubectl('wait --for=condition=established crd/widgets.conformance.example.com --timeout=2s'),
  ],
  'reconcile roles': [
    kubectl('auth reconcile -f -', ROLE),
    kubectl('auth reconcile -f -', ROLE.replace('get', 'list')),
    kubectl('get role r -o yaml'),
    kubectl('auth whoami --as=jane --as-group=g -o yaml'),
  ],
  'cluster-info, and what of it is there': [
    kubectl('cluster-info'),
    kubectl('get services --namespace kube-system'),
    kubectl('get svc --namespace kube-system -o yaml'),
  ],
  'api-resources by category': [
    kubectl('api-resources --categories=gadgets'),
    kubectl('api-resources --verbs=list,watch --api-group=conformance.example.com'),
  ],
  'may I': [kubectl('auth can-i get cm'), kubectl('auth can-i get nothing')],
  raw: [A, kubectl('get --raw /nothing'), kubectl('get --raw /healthz')],
};

interactions('kubectl 1.35', CASES, '1.35');
interactions('kubectl 1.32', CASES, '1.32');
