import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
const WAITS = [0.0001, 0.001, 0.01, 0.1, 0.5, 1, 5, 10, 60, 300, 1000];

/**
 * Metrics of the client layer under the names that controller-runtime and client-go use, so that dashboards and
 * alerts written for any operator work. Make one per registry.
 */
export type KubeMetrics = ReturnType<typeof createKubeMetrics>;

/** Registers the metrics on `registry`. @throws Error  when called twice for one registry. */
export function createKubeMetrics(registry: Registry) {
  const registers = [registry];
  const scrapers = new Set<() => void>();
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: L[], buckets: number[]): Histogram<L> =>
    new Histogram({ name, help, labelNames, buckets, registers });
  // `name` is what client-go uses, `controller` what controller-runtime added; both hold the queue's name
  const queue: ('name' | 'controller')[] = ['name', 'controller'];
  return {
    queueDepth: gauge('workqueue_depth', 'Keys waiting in the workqueue.', [...queue, 'priority']),
    queueAdds: counter('workqueue_adds_total', 'Keys added to the workqueue.', queue),
    queueRetries: counter('workqueue_retries_total', 'Keys added again after a failure.', queue),
    queueDuration: histogram('workqueue_queue_duration_seconds', 'How long a key waits until it runs.', queue, WAITS),
    workDuration: histogram('workqueue_work_duration_seconds', 'How long a key runs.', queue, DURATIONS),
    /** `update` runs before each scrape: for gauges that grow while nothing happens. */
    onScrape: (update: () => void): void => void scrapers.add(update),
    unfinishedWork: new Gauge({
      name: 'workqueue_unfinished_work_seconds',
      help: 'Sum of how long the current runs have taken so far.',
      labelNames: queue,
      registers,
      collect: () => {
        for (const update of scrapers) update();
      },
    }),
    longestRunning: gauge(
      'workqueue_longest_running_processor_seconds',
      'How long the longest current run has taken so far.',
      queue,
    ),
    reconciles: counter(
      'controller_runtime_reconcile_total',
      'Runs by result: success, error, requeue, requeue_after.',
      ['controller', 'result'],
    ),
    reconcileErrors: counter('controller_runtime_reconcile_errors_total', 'Runs that ended with an error.', [
      'controller',
    ]),
    terminalErrors: counter(
      'controller_runtime_terminal_reconcile_errors_total',
      'Runs that ended with an error that is not retried.',
      ['controller'],
    ),
    panics: counter(
      'controller_runtime_reconcile_panics_total',
      'Runs that ended with an unexpected exception (a bug).',
      ['controller'],
    ),
    timeouts: counter('controller_runtime_reconcile_timeouts_total', 'Runs that passed their deadline.', [
      'controller',
    ]),
    reconcileTime: histogram(
      'controller_runtime_reconcile_time_seconds',
      'How long a run takes.',
      ['controller'],
      DURATIONS,
    ),
    activeWorkers: gauge('controller_runtime_active_workers', 'Runs under way.', ['controller']),
    maxWorkers: gauge('controller_runtime_max_concurrent_reconciles', 'Most runs at once.', ['controller']),
    requests: counter('rest_client_requests_total', 'Requests to the Kubernetes API; code <error> = no answer.', [
      'code',
      'method',
      'host',
    ]),
    requestDuration: histogram(
      'rest_client_request_duration_seconds',
      'How long the Kubernetes API takes.',
      ['verb'],
      DURATIONS,
    ),
    lists: counter('reflector_lists_total', 'Full lists made by informers.', ['name']),
    watches: counter('reflector_watches_total', 'Watches opened by informers.', ['name']),
    watchFailures: counter('reflector_watch_failures_total', 'Watches that ended with an error.', ['name']),
    masterStatus: gauge('leader_election_master_status', '1 while this process holds the lock.', ['name']),
  };
}
