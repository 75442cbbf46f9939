import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Endpoint, Exchange } from './context.ts';
import type { RequestInfo } from './requestInfo.ts';
import { sendBody } from './respond.ts';

const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

/** Numbers about requests under the names of kube-apiserver, and `/metrics` that shows them. */
export class Metrics implements Endpoint {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #durations: Histogram;
  readonly #longRunning: Gauge;

  constructor(inflight: () => { reads: number; writes: number }) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Counter({
      name: 'apiserver_request_total',
      help: 'Requests by verb, resource and HTTP status code.',
      labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'dry_run', 'code'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Seconds from the arrival of a request to the end of its answer, watches not counted.',
      labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'dry_run'],
      buckets: BUCKETS,
      registers,
    });
    this.#longRunning = new Gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches open now.',
      labelNames: ['verb', 'group', 'version', 'resource'],
      registers,
    });
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
  }

  /** Counts a finished request. `known`: its resource is served; others share one label, as paths are the clients'. */
  finished(info: RequestInfo, outcome: { code: number; seconds: number; known: boolean }): void {
    const labels = labelsOf(info, outcome.known);
    this.#requests.inc({ ...labels, code: String(outcome.code) });
    if (info.verb !== 'watch') this.#durations.observe(labels, outcome.seconds);
  }

  /** Counts an open watch; the returned function ends it. */
  watching(info: RequestInfo): () => void {
    const labels = { verb: 'WATCH', group: info.group, version: info.version, resource: info.resource };
    this.#longRunning.inc(labels);
    return () => this.#longRunning.dec(labels);
  }

  async handle(exchange: Exchange): Promise<boolean> {
    if (exchange.info.path !== '/metrics') return false;
    const text = await this.#registry.metrics();
    exchange.response.statusCode = 200;
    exchange.response.setHeader('content-type', this.#registry.contentType);
    await sendBody(exchange.request, exchange.response, text);
    return true;
  }
}

function labelsOf(info: RequestInfo, known: boolean): Record<string, string> {
  const dryRun = info.query.getAll('dryRun').includes('All') ? 'All' : '';
  if (!info.isResource || !known) {
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
