/**
 * The layers of docs/design: a file imports from its own folder or from layers to its left.
 *   api · lib · {ssh | apiserver | kube} · host · controllers · {cli | dashboard} · main
 */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: allowed.map((layer) => `^src/${layer}/`) },
});
const soleImporter = (pkg, owner) => ({
  name: `only-${owner.replace(/\W/g, '-')}-imports-${pkg.replace(/\W/g, '-')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/${owner}/` },
  to: { path: `^node_modules/(@types/)?${pkg}/` },
});

module.exports = {
  forbidden: [
    // types may refer to each other; code may not
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'api-needs-only-zod',
      severity: 'error',
      from: { path: '^src/api/' },
      to: { path: 'node_modules', pathNot: 'node_modules/zod/' },
    },
    only('api-is-the-base', '^src/api/', ['api']),
    only('lib-sees-api', '^src/lib/', ['lib', 'api']),
    only('ssh-layer', '^src/ssh/', ['ssh', 'lib', 'api']),
    only('apiserver-layer', '^src/apiserver/', ['apiserver', 'lib', 'api']),
    only('kube-layer', '^src/kube/', ['kube', 'lib', 'api']),
    only('host-layer', '^src/host/', ['host', 'ssh', 'lib', 'api']),
    only('controllers-layer', '^src/controllers/', ['controllers', 'host', 'ssh', 'kube', 'lib', 'api']),
    {
      name: 'controllers-do-not-meet',
      severity: 'error',
      from: { path: '^src/controllers/([^/]+)/' },
      to: { path: '^src/controllers/', pathNot: '^src/controllers/$1/' },
    },
    only('dashboard-layer', '^src/dashboard/', ['dashboard', 'lib', 'api']),
    {
      name: 'only-serve-starts-the-apiserver',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: '^src/cli/(serve|openStore|backup|restore)\\.ts$' },
      to: { path: '^src/apiserver/' },
    },
    {
      name: 'backups-see-the-store-only',
      severity: 'error',
      from: { path: '^src/cli/(openStore|backup|restore)\\.ts$' },
      to: { path: '^src/apiserver/', pathNot: '^src/apiserver/storage/' },
    },
    { name: 'nobody-imports-main', severity: 'error', from: {}, to: { path: '^src/main\\.ts$' } },
    { name: 'src-never-imports-test', severity: 'error', from: { path: '^src/' }, to: { path: '^test/' } },
    soleImporter('ssh2', 'ssh'),
    soleImporter('express', 'apiserver'),
    soleImporter('jose', 'apiserver/authentication'),
    soleImporter('lmdb', 'apiserver/storage'),
    soleImporter('etcd3', 'apiserver/storage'),
    soleImporter('@kubernetes/client-node', 'kube'),
    soleImporter('xstate', 'controllers'),
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
