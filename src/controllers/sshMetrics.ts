import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { PoolObserver, SessionPool } from '../ssh/pool.ts';

const LOGIN_SECONDS = [0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Metrics of the SSH pool: logins by reason, and what is open. No label names a host: cardinality stays bounded. */
export function sshMetrics(registry: Registry): PoolObserver & { follow(pool: SessionPool): void } {
  let pool: SessionPool | undefined;
  const registers = [registry];
  const logins = new Counter({
    name: 'hostler_ssh_logins_total',
    help: 'SSH logins by outcome; reason is empty when it succeeded.',
    labelNames: ['reason'],
    registers,
  });
  const loginSeconds = new Histogram({
    name: 'hostler_ssh_login_duration_seconds',
    help: 'How long SSH logins take.',
    buckets: LOGIN_SECONDS,
    registers,
  });
  const closed = new Counter({
    name: 'hostler_ssh_sessions_closed_total',
    help: 'SSH sessions that ended, by cause.',
    labelNames: ['cause'],
    registers,
  });
  new Gauge({
    name: 'hostler_ssh_sessions',
    help: 'SSH sessions now, by state.',
    labelNames: ['state'],
    registers,
    collect() {
      if (pool === undefined) return;
      for (const [state, count] of Object.entries(pool.stats())) this.set({ state }, Number(count));
    },
  });
  return {
    /** Whose sessions the gauge shows. */
    follow: (followed) => {
      pool = followed;
    },
    login: ({ reason, durationMs }) => {
      logins.inc({ reason: reason ?? '' });
      loginSeconds.observe(durationMs / 1000);
    },
    closed: ({ cause }) => closed.inc({ cause }),
  };
}
