import { chmod } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, manifest, startTestServer, type Output, type TestServer } from '../../support/apiServer.ts';
import { KUBECTL_VERSIONS } from '../../support/kubectl.ts';
import { WIDGETS_CRD } from '../../support/widgets.ts';

/** The unmodified kubectl, as people use it. Every release gets a server of its own. */
describe.each(KUBECTL_VERSIONS)('kubectl %s', (version) => {
  let server: TestServer;
  let crd: string;

  const run = (...args: string[]): Promise<Output> => server.kubectl(version, args);
  /** Runs and expects success; gives standard output. */
  const ok = async (...args: string[]): Promise<string> => {
    const output = await run(...args);
    expect(output.code, `kubectl ${args.join(' ')}\n${output.stdout}${output.stderr}`).toBe(0);
    return output.stdout;
  };
  const apply = async (text: string, ...args: string[]): Promise<string> => {
    const output = await server.kubectl(version, ['apply', '-f', '-', ...args], { stdin: text });
    expect(output.code, output.stderr).toBe(0);
    return output.stdout;
  };
  const field = (resource: string, path: string, ...args: string[]): Promise<string> =>
    ok('get', ...resource.split(' '), '-o', `jsonpath={${path}}`, ...args);

  beforeAll(async () => {
    server = await startTestServer();
    crd = await manifest(server, 'crd.yaml', WIDGETS_CRD);
    await ok('apply', '-f', crd);
    await ok('wait', '--for=condition=Established', 'crd/widgets.example.com', '--timeout=10s');
  });
  afterAll(async () => {
    await server.close();
  });

  const gizmo = (name: string, spec: string): string =>
    `apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: ${name}, labels: {app: ${name}}}\nspec: ${spec}\n`;

  describe('built-in kinds', () => {
    it('creates namespaces, secrets and configmaps (protobuf bodies)', async () => {
      expect(await ok('create', 'namespace', 'team')).toContain('namespace/team created');
      await ok('create', 'secret', 'generic', 's1', '-n', 'team', '--from-literal=password=hunter2');
      await ok('create', 'configmap', 'c1', '-n', 'team', '--from-literal=a=b', '--from-literal=c=d');
      await ok('create', 'serviceaccount', 'bot', '-n', 'team');
      expect(await field('secret s1', '.data.password', '-n', 'team')).toBe(Buffer.from('hunter2').toString('base64'));
      expect(await field('configmap c1', '.data.c', '-n', 'team')).toBe('d');
      const taken = await run('create', 'configmap', 'c1', '-n', 'team');
      expect(taken.code).toBe(1);
      expect(taken.stderr).toContain('configmaps "c1" already exists');
    });

    it('gets tables, wide, yaml, json, names, by selector and in chunks', async () => {
      for (const i of [1, 2, 3]) await ok('create', 'configmap', `list${i}`, `--from-literal=i=${i}`);
      await ok('label', 'configmap', 'list1', 'list2', 'set=two');
      const table = await ok('get', 'configmap');
      expect(table.split('\n')[0]).toMatch(/^NAME +DATA +AGE/);
      expect(table).toMatch(/^list1 +1 +\d+s/m);
      const ageless = (text: string): string => text.replace(/\d+s/g, 'age');
      expect(ageless(await ok('get', 'cm', '--chunk-size=1'))).toEqual(ageless(await ok('get', 'cm')));
      expect(await ok('get', 'cm', '-o', 'name', '-l', 'set=two')).toBe('configmap/list1\nconfigmap/list2\n');
      expect(await ok('get', 'cm', '-o', 'name', '-l', 'set!=two,set')).toBe('');
      expect(await ok('get', 'cm', '-o', 'name', '--field-selector', 'metadata.name=list3')).toBe('configmap/list3\n');
      expect(await ok('get', 'cm', 'list1', '-o', 'yaml')).toContain('kind: ConfigMap');
      expect(JSON.parse(await ok('get', 'cm', '-o', 'json'))).toMatchObject({ kind: 'List' });
      expect(await ok('get', 'cm', '-A', '--sort-by=.metadata.name')).toContain('kube-system');
      expect(await ok('get', 'secret', '-A', '-o', 'custom-columns=N:.metadata.name,T:.type')).toContain('Opaque');
      expect(await ok('get', 'ns', 'default', '-o', 'wide')).toMatch(/default +Active/);
      const none = await run('get', 'cm', 'nothing');
      expect(none.stderr).toContain('configmaps "nothing" not found');
    });

    it('applies, shows the difference, applies the change by strategic merge, and leaves what is equal', async () => {
      const text = (value: string): string =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ap}\ndata: {a: "${value}", b: keep}\n`;
      expect(await apply(text('1'))).toContain('configmap/ap created');
      expect(await apply(text('1'))).toContain('configmap/ap unchanged');
      const before = await field('cm ap', '.metadata.resourceVersion');
      const diff = await server.kubectl(version, ['diff', '-f', '-'], { stdin: text('2') });
      expect(diff.code).toBe(1);
      expect(diff.stdout).toMatch(/-\s+a: "1"/);
      expect(diff.stdout).toMatch(/\+\s+a: "2"/);
      expect(await field('cm ap', '.metadata.resourceVersion')).toBe(before);
      expect(await apply(text('2'))).toContain('configmap/ap configured');
      expect(await field('cm ap', '.data.a')).toBe('2');
      expect((await server.kubectl(version, ['diff', '-f', '-'], { stdin: text('2') })).code).toBe(0);
    });

    it('applies lists, and says when a kind is not served', async () => {
      const item = (name: string): string => `{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}}}`;
      const list = `apiVersion: v1\nkind: List\nitems: [${item('item1')}, ${item('item2')}]\n`;
      expect(await apply(list)).toBe('configmap/item1 created\nconfigmap/item2 created\n');
      const unknown = await server.kubectl(version, ['apply', '-f', '-'], {
        stdin: 'apiVersion: nothing.example.com/v1\nkind: Nothing\nmetadata: {name: x}\n',
      });
      expect(unknown.stderr).toContain('no matches for kind "Nothing" in version "nothing.example.com/v1"');
    });

    it('refuses unknown fields of a manifest before anything is stored', async () => {
      const output = await server.kubectl(version, ['apply', '-f', '-'], {
        stdin: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: unknown}\ndatas: {a: b}\n',
      });
      expect(output.code).toBe(1);
      expect(output.stderr).toContain('unknown field "datas"');
    });

    it('edits', async () => {
      await ok('create', 'configmap', 'ed', '--from-literal=a=old');
      const editor = await manifest(server, 'editor.sh', '#!/bin/sh\nsed -i "s/a: old/a: new/" "$1"\n');
      await chmod(editor, 0o755);
      const output = await server.kubectl(version, ['edit', 'cm', 'ed'], { env: { EDITOR: editor } });
      expect(output.code, output.stderr).toBe(0);
      expect(await field('cm ed', '.data.a')).toBe('new');
    });

    it('patches in every way, labels and annotates', async () => {
      await ok('create', 'configmap', 'pa', '--from-literal=a=1');
      await ok('patch', 'cm', 'pa', '-p', '{"data":{"b":"2"}}');
      await ok('patch', 'cm', 'pa', '--type=merge', '-p', '{"data":{"c":"3","a":null}}');
      await ok('patch', 'cm', 'pa', '--type=json', '-p', '[{"op":"replace","path":"/data/b","value":"4"}]');
      expect(JSON.parse(await field('cm pa', '.data'))).toEqual({ b: '4', c: '3' });
      await ok('label', 'cm', 'pa', 'x=y');
      await ok('annotate', 'cm', 'pa', 'note=hello');
      await ok('label', 'cm', 'pa', 'x-');
      expect(await field('cm pa', '.metadata.annotations.note')).toBe('hello');
      expect(await field('cm pa', '.metadata.labels')).toBe('');
      const again = await run('label', 'cm', 'pa', 'bad label!=1');
      expect(again.code).toBe(1);
    });

    it('replaces, and replaces by force', async () => {
      await ok('create', 'configmap', 're', '--from-literal=a=1');
      const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: re}\ndata: {a: "2"}\n';
      const path = await manifest(server, 're.yaml', text);
      await ok('replace', '-f', path);
      const uid = await field('cm re', '.metadata.uid');
      await ok('replace', '--force', '-f', path);
      expect(await field('cm re', '.metadata.uid')).not.toBe(uid);
    });

    it('describes with events, and lists events', async () => {
      await ok('create', 'configmap', 'de', '--from-literal=a=1');
      const uid = await field('cm de', '.metadata.uid');
      await apply(`apiVersion: v1
kind: Event
metadata: {name: de.1}
involvedObject: {apiVersion: v1, kind: ConfigMap, name: de, namespace: default, uid: ${uid}}
reason: Tried
message: something happened
type: Warning
count: 3
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:00:00Z"
source: {component: tester}
`);
      const text = await ok('get', 'events', '--field-selector', 'involvedObject.name=de,type=Warning');
      expect(text.split('\n')[0]).toMatch(/^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE/);
      expect(text).toMatch(/Warning +Tried +configmap\/de +something happened/);
      expect(await ok('events', '--for', 'configmap/de')).toContain('something happened');
      expect(await ok('get', 'events.events.k8s.io', 'de.1', '-o', 'jsonpath={.note} {.regarding.name}')).toBe(
        'something happened de',
      );
      expect(await ok('describe', 'cm', 'de')).toContain('something happened');
      expect(await ok('describe', 'ns', 'default')).toContain('Status:       Active');
    });

    it('explains', async () => {
      expect(await ok('explain', 'secret.stringData')).toMatch(/stringData/);
      expect(await ok('explain', 'configmap.metadata.ownerReferences.uid')).toContain('uid <string>');
      expect(await ok('explain', 'lease.spec')).toContain('holderIdentity');
      expect(await ok('explain', 'crd.spec.versions.schema')).toContain('openAPIV3Schema');
      expect((await run('explain', 'configmap.nothing')).code).toBe(1);
    });

    it('says who one is, what one may do, and what there is', async () => {
      expect(await ok('auth', 'whoami')).toMatch(/Username +hostler-admin/);
      expect(await ok('auth', 'can-i', 'delete', 'secrets')).toBe('yes\n');
      expect(await ok('auth', 'can-i', '--list')).toContain('*.*');
      const resources = await ok('api-resources');
      for (const line of [
        /^secrets +v1 +true +Secret$/m,
        /^leases +coordination.k8s.io\/v1/m,
        /^widgets +wd +example.com\/v1 +true +Widget$/m,
      ]) {
        expect(resources).toMatch(line);
      }
      expect(await ok('api-versions')).toContain('example.com/v1');
      expect(await ok('api-resources', '--categories=gadgets', '-o', 'name')).toBe('widgets.example.com\n');
      expect(await ok('version')).toContain('Server Version: v1.');
      expect(await ok('get', '--raw', '/readyz')).toBe('ok');
    });

    it('deletes by name, by label and with what belongs to it', async () => {
      for (const name of ['d1', 'd2', 'd3']) await ok('create', 'configmap', name);
      await ok('label', 'cm', 'd2', 'd3', 'gone=1');
      expect(await ok('delete', 'cm', 'd1')).toContain('configmap "d1" deleted');
      await ok('delete', 'cm', '-l', 'gone=1');
      expect(await ok('get', 'cm', '-l', 'gone=1', '-o', 'name')).toBe('');
      const uid = await field('ns default', '.metadata.uid');
      expect(uid).not.toBe('');
      await ok('create', 'configmap', 'owner');
      const owner = await field('cm owner', '.metadata.uid');
      const child = (name: string): string =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: ${owner}, blockOwnerDeletion: true}]\n`;
      await apply(child('child'));
      await ok('delete', 'cm', 'owner', '--cascade=foreground', '--timeout=20s');
      expect((await run('get', 'cm', 'child')).code).toBe(1);
    });

    it('orphans on demand', async () => {
      await ok('create', 'configmap', 'parent');
      const uid = await field('cm parent', '.metadata.uid');
      await apply(
        `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: orphan\n  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: parent, uid: ${uid}}]\n`,
      );
      await ok('delete', 'cm', 'parent', '--cascade=orphan', '--timeout=20s');
      expect(await field('cm orphan', '.metadata.ownerReferences')).toBe('');
    });

    it('deletes a namespace with everything in it, custom resources too', async () => {
      await ok('create', 'namespace', 'doomed');
      await ok('create', 'configmap', 'in', '-n', 'doomed');
      await apply(gizmo('in', '{}'), '-n', 'doomed');
      await ok('delete', 'namespace', 'doomed', '--timeout=30s');
      expect((await run('get', 'namespace', 'doomed')).stderr).toContain('not found');
      expect(
        (await server.get('/apis/example.com/v1/widgets?fieldSelector=metadata.namespace%3Ddoomed')).body.items,
      ).toEqual([]);
      const kept = await run('delete', 'namespace', 'kube-system');
      expect(kept.stderr).toContain('this namespace may not be deleted');
    });
  });

  describe('a definition that a user installed', () => {
    it('serves defaults, columns, rules and fields', async () => {
      expect(await apply(gizmo('a', '{color: green, note: short}'))).toContain('widget.example.com/a created');
      expect(await ok('get', 'wd', 'a', '-o', 'wide')).toMatch(/NAME +COLOR +REPLICAS +NOTE\na +green +1 +short\n/);
      expect(await ok('get', 'wd', 'a')).toMatch(/NAME +COLOR +REPLICAS\n/);
      expect(await ok('get', 'gadgets', '-o', 'name')).toContain('widget.example.com/a');
      expect(await ok('get', 'wd', '-o', 'name', '--field-selector', 'spec.color=green')).toBe(
        'widget.example.com/a\n',
      );
      expect(await ok('get', 'wd', '-o', 'name', '--field-selector', 'spec.color=red')).toBe('');
      const broken = await server.kubectl(version, ['apply', '-f', '-'], {
        stdin: gizmo('b', '{color: blue, replicas: 6}'),
      });
      expect(broken.stderr).toContain('blue widgets are rare');
      const typo = await server.kubectl(version, ['apply', '-f', '-'], { stdin: gizmo('b', '{colour: blue}') });
      expect(typo.stderr).toContain('unknown field "spec.colour"');
    });

    it('explains nested fields', async () => {
      expect(await ok('explain', 'widget')).toContain('A widget does things.');
      const text = await ok('explain', 'widget.spec.parts');
      expect(text).toContain('What it is made of.');
      expect(text).toContain('Name of the part.');
      expect(await ok('explain', 'widget.spec', '--recursive')).toContain('parts');
    });

    it('applies changes by merge patch, shows them before, and leaves what is equal', async () => {
      await apply(gizmo('c', '{replicas: 1, note: x}'));
      expect(await apply(gizmo('c', '{replicas: 1, note: x}'))).toContain('unchanged');
      const diff = await server.kubectl(version, ['diff', '-f', '-'], { stdin: gizmo('c', '{replicas: 2}') });
      expect(diff.code).toBe(1);
      expect(diff.stdout).toMatch(/\+\s+replicas: 2/);
      expect(diff.stdout).toMatch(/-\s+note: x/);
      expect(await apply(gizmo('c', '{replicas: 2}'))).toContain('configured');
      expect(await field('wd c', '.spec')).toBe('{"color":"red","replicas":2}');
      expect(await field('wd c', '.metadata.generation')).toBe('2');
    });

    it('patches, scales, edits status, waits for conditions', async () => {
      await apply(gizmo('d', '{}'));
      const strategic = await run('patch', 'wd', 'd', '-p', '{"spec":{"note":"x"}}');
      expect(strategic.stderr).toContain(
        'application/strategic-merge-patch+json is not supported by example.com/v1, Kind=Widget',
      );
      await ok('patch', 'wd', 'd', '--type=merge', '-p', '{"spec":{"note":"x"}}');
      await ok('patch', 'wd', 'd', '--type=json', '-p', '[{"op":"add","path":"/spec/parts","value":[{"name":"p"}]}]');
      expect(await field('wd d', '.spec.parts')).toBe('[{"name":"p","size":3}]');
      await ok('scale', 'widget', 'd', '--replicas=3');
      expect(await field('wd d', '.spec.replicas')).toBe('3');
      const waiting = ok('wait', '--for=condition=Ready', 'wd/d', '--timeout=20s');
      const status = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}';
      await ok('patch', 'wd', 'd', '--type=merge', '--subresource=status', '-p', status);
      expect(await waiting).toContain('condition met');
      await ok('wait', '--for=jsonpath={.spec.replicas}=3', 'wd/d', '--timeout=10s');
      const late = await run('wait', '--for=condition=Missing', 'wd/d', '--timeout=1s');
      expect(late.stderr).toContain('timed out');
    });

    it('is watched', async () => {
      const watch = await server.kubectlRunning(version, ['get', 'wd', '-w', '-l', 'app=watched']);
      await eventually(() => expect(watch.output()).toBeDefined());
      await apply(gizmo('watched', '{color: blue}'));
      await eventually(() => expect(watch.output()).toMatch(/watched +blue +1/));
      await ok('patch', 'wd', 'watched', '--type=merge', '-p', '{"spec":{"replicas":4}}');
      await eventually(() => expect(watch.output()).toMatch(/watched +blue +4/));
      await watch.stop();
    });

    it('deletes with finalizers, and waits for the end', async () => {
      await apply(gizmo('e', '{}'));
      await ok('patch', 'wd', 'e', '--type=merge', '-p', '{"metadata":{"finalizers":["example.com/hold"]}}');
      await ok('delete', 'wd', 'e', '--wait=false');
      expect(await field('wd e', '.metadata.deletionTimestamp')).not.toBe('');
      const waiting = ok('wait', '--for=delete', 'wd/e', '--timeout=20s');
      await ok('patch', 'wd', 'e', '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
      await waiting;
      expect((await run('get', 'wd', 'e')).code).toBe(1);
    });

    it('applies by the server, tells conflicts, and takes fields by force', async () => {
      const serverSide = (spec: string, ...args: string[]): ReturnType<typeof server.kubectl> =>
        server.kubectl(version, ['apply', '--server-side', '-f', '-', ...args], { stdin: gizmo('ssa', spec) });
      expect(await serverSide('{note: one, replicas: 2}')).toMatchObject({ code: 0, stdout: /serverside-applied/ });
      await ok('scale', 'wd', 'ssa', '--replicas=4');
      const refused = await serverSide('{note: two, replicas: 2}');
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/conflict with "kubectl" with subresource "scale" using .*: .spec.replicas/);
      expect((await serverSide('{note: two, replicas: 2}', '--force-conflicts')).code).toBe(0);
      const diff = await server.kubectl(version, ['diff', '--server-side', '-f', '-'], {
        stdin: gizmo('ssa', '{note: three, replicas: 2}'),
      });
      expect(diff).toMatchObject({ code: 1, stdout: /^\+ {2}note: three$/m });
      expect(await field('wd ssa', '.spec.note')).toBe('two');
      const unknown = await serverSide('{note: two, nope: 1}');
      expect(unknown.stderr).toContain('.spec.nope: field not declared in schema');
    });

    it('hands over from client-side apply to the server and back', async () => {
      await apply(gizmo('ssa-move', '{note: one, replicas: 2}'));
      const moved = await server.kubectl(version, ['apply', '--server-side', '-f', '-'], {
        stdin: gizmo('ssa-move', '{note: two}'),
      });
      expect(moved.code, moved.stderr).toBe(0);
      expect(await field('wd ssa-move', '.spec.note')).toBe('two');
      const managers = await ok('get', 'wd', 'ssa-move', '--show-managed-fields', '-o', 'json');
      const { metadata } = JSON.parse(managers) as {
        metadata: { managedFields: { manager: string; operation: string }[] };
      };
      expect(metadata.managedFields.map(({ manager, operation }) => `${manager} ${operation}`)).toContain(
        'kubectl Apply',
      );
      await apply(gizmo('ssa-move', '{note: three}'));
      expect(await field('wd ssa-move', '.spec.note')).toBe('three');
    });

    it('is described, edited and labelled', async () => {
      await apply(gizmo('f', '{note: before}'));
      const editor = await manifest(server, 'editor2.sh', '#!/bin/sh\nsed -i "s/note: before/note: after/" "$1"\n');
      await chmod(editor, 0o755);
      const output = await server.kubectl(version, ['edit', 'wd', 'f'], { env: { EDITOR: editor } });
      expect(output.code, output.stderr).toBe(0);
      await ok('label', 'wd', 'f', 'tier=1');
      await ok('annotate', 'wd', 'f', 'why=because');
      const text = await ok('describe', 'wd', 'f');
      expect(text).toMatch(/Note: +after/);
      expect(text).toContain('tier=1');
    });

    it('takes its objects along when it is deleted', async () => {
      const other = WIDGETS_CRD.replaceAll('widget', 'sprocket')
        .replaceAll('Widget', 'Sprocket')
        .replace('shortNames: [wd], ', '');
      await apply(other);
      await ok('wait', '--for=condition=Established', 'crd/sprockets.example.com', '--timeout=10s');
      await apply('apiVersion: example.com/v1\nkind: Sprocket\nmetadata: {name: g}\nspec: {}\n');
      await ok('delete', 'crd', 'sprockets.example.com', '--timeout=20s');
      // kubectl's own cache may still know the resource
      expect((await run('get', 'sprockets')).stderr).toMatch(
        /doesn't have a resource type|could not find the requested resource/,
      );
      await apply(other);
      await ok('wait', '--for=condition=Established', 'crd/sprockets.example.com', '--timeout=10s');
      expect(await ok('get', 'sprockets', '-o', 'name')).toBe('');
    });
  });
});
