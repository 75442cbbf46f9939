import { Registry } from 'prom-client';
import { createControllers } from '../../src/controllers/controllers.ts';
import { Client } from '../../src/kube/client.ts';
import { defaultConnection } from '../../src/kube/kubeconfig.ts';
import { createKubeMetrics } from '../../src/kube/metrics.ts';
import { createLogger } from '../../src/lib/logger.ts';

// The controllers as a process of their own, for tests of several on one API:
// node --import tsx controllersProcess.ts KUBECONFIG IDENTITY
const [kubeconfig = '', identity = ''] = process.argv.slice(2);
const log = createLogger({ level: 'debug' });
const registry = new Registry();
const controllers = await createControllers({
  client: new Client({ connection: defaultConnection({ kubeconfig }), log }),
  log,
  registry,
  metrics: createKubeMetrics(registry),
  identity,
  intervals: { healthMs: 2000, driftMs: 4000, requalifyMs: 7 * 24 * 3600_000 },
  deniedCidrs: [],
  maxConnections: 100,
});
await controllers.run(new AbortController().signal);
