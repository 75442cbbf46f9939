import type * as PromClient from 'prom-client';
import { lazily } from '../../lib/lazily.ts';
import type { Endpoint, Exchange } from './context.ts';
import type { RequestInfo } from './requestInfo.ts';
import { sendBody } from './respond.ts';

const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

const promClient = lazily('prom-client') as () => typeof PromClient;

type InflightCounts = () => { reads: number; writes: number };
/** Whether a path is that of a resource that is there: what else clients write in paths is no label, as it never ends. */
type Serves = (info: RequestInfo) => boolean;
type Instruments = ReturnType<typeof createInstruments>;

/** Numbers about requests under the names of kube-apiserver, and `/metrics` that shows them. */
export class Metrics implements Endpoint {
  readonly #inflight: InflightCounts;
  readonly #serves: Serves;
  #made: Instruments | undefined;

  constructor(inflight: InflightCounts, serves: Serves) {
    this.#inflight = inflight;
    this.#serves = serves;
  }

  /** Made for the first request: their library takes a while to load, for which no start has to wait. */
  get #instruments(): Instruments {
    return (this.#made ??= createInstruments(this.#inflight));
  }

  /** Counts a finished request. */
  finished(info: RequestInfo, outcome: { code: number; seconds: number }): void {
    const labels = labelsOf(info, this.#serves(info));
    this.#instruments.requests.inc({ ...labels, code: String(outcome.code) });
    if (info.verb !== 'watch') this.#instruments.durations.observe(labels, outcome.seconds);
  }

  /** Counts an open watch; the returned function ends it. */
  watching(info: RequestInfo): () => void {
    const { group, version, resource } = labelsOf(info, this.#serves(info));
    const labels = { verb: 'WATCH', group, version, resource };
    const { longRunning } = this.#instruments;
    longRunning.inc(labels);
    return () => longRunning.dec(labels);
  }

  async handle(exchange: Exchange): Promise<boolean> {
    if (exchange.info.path !== '/metrics') return false;
    const { registry } = this.#instruments;
    const text = await registry.metrics();
    exchange.response.statusCode = 200;
    exchange.response.setHeader('content-type', registry.contentType);
    await sendBody(exchange.request, exchange.response, text);
    return true;
  }
}

function createInstruments(inflight: InflightCounts) {
  const { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } = promClient();
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'apiserver_current_inflight_requests',
    help: 'Requests running now, watches not counted.',
    labelNames: ['request_kind'],
    registers,
    collect() {
      const { reads, writes } = inflight();
      this.set({ request_kind: 'readOnly' }, reads);
      this.set({ request_kind: 'mutating' }, writes);
    },
  });
  return {
    registry,
    requests: new Counter({
      name: 'apiserver_request_total',
      help: 'Requests by verb, resource and HTTP status code.',
      labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'dry_run', 'code'],
      registers,
    }),
    durations: new Histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Seconds from the arrival of a request to the end of its answer, watches not counted.',
      labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'dry_run'],
      buckets: BUCKETS,
      registers,
    }),
    longRunning: new Gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches open now.',
      labelNames: ['verb', 'group', 'version', 'resource'],
      registers,
    }),
  };
}

function labelsOf(info: RequestInfo, served: boolean) {
  const dryRun = info.query.getAll('dryRun').includes('All') ? 'All' : '';
  if (!served) {
    const verb = VERBS.has(info.verb) ? info.verb.toUpperCase() : 'OTHER';
    return { verb, group: '', version: '', resource: '', subresource: '', scope: '', dry_run: '' };
  }
  const verb = HTTP_VERBS.get(info.verb) ?? info.verb.toUpperCase();
  return {
    verb,
    group: info.group,
    version: info.version,
    resource: info.resource,
    subresource: info.subresource,
    scope: scopeOf(info),
    dry_run: dryRun,
  };
}

function scopeOf(info: RequestInfo): string {
  if (info.name !== '') return 'resource';
  return info.namespace === '' ? 'cluster' : 'namespace';
}

const VERBS = new Set(['get', 'head', 'post', 'put', 'patch', 'delete', 'list', 'watch', 'create', 'update']);
const HTTP_VERBS = new Map([
  ['create', 'POST'],
  ['update', 'PUT'],
]);
