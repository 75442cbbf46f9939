/**
 * `npm run bench:fleet`: a control plane of thousands of Servers. The real `hostler serve` on its embedded store, with
 * the real controllers and the real SSH client, against simulated hosts (fleet/README.md says what they are).
 *
 * `-- --servers N` (default 1000) · `--apart`: `hostler serve` and `hostler controller` as two processes, so that the
 * figures of the controllers are theirs alone · `--connections N`: --max-connections of serve (default: as many as Servers) ·
 * `--minutes N` of steady state (default 3) · `--changes N` measured in it (default 30) · `--profile DIRECTORY`:
 * --cpu-prof of both lives of the process · `--record`: answers of a real test host anew.
 * HOSTLER_BENCH_BUILD=0: take dist as it is.
 */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { record } from './fleet/record.ts';
import { rehearse } from './fleet/rehearsal.ts';
import { report } from './report.ts';
import { build } from './serverProcess.ts';

const { values } = parseArgs({
  options: {
    servers: { type: 'string', default: '1000' },
    apart: { type: 'boolean', default: false },
    connections: { type: 'string' },
    minutes: { type: 'string', default: '3' },
    changes: { type: 'string', default: '30' },
    profile: { type: 'string' },
    record: { type: 'boolean', default: false },
  },
});

if (values.record) {
  await record();
  process.exit();
}
if (process.env['HOSTLER_BENCH_BUILD'] !== '0') await build();
console.log(
  `${availableParallelism()} cores, load average ${loadavg()[0]?.toFixed(1)}: more than about 0.5 makes all worse`,
);
const { apart } = values;
const servers = Number(values.servers);
const rows = await rehearse({
  servers,
  apart,
  connections: Number(values.connections ?? servers),
  minutes: Number(values.minutes),
  changes: Number(values.changes),
  profile: values.profile,
});
report(`fleet-${servers}${apart ? '-apart' : ''}`, rows);
