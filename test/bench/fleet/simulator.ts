/**
 * Simulated hosts in a process of their own: each listens on an own loopback address with an own host key and answers
 * Hostler's scripts as a recorded host did, after the recorded time. Node's IPC: see {@link Order} and {@link Report}.
 */
import { readFileSync } from 'node:fs';
import ssh2 from 'ssh2';
import { generateKeyPair } from '../../../src/ssh/keys.ts';
import { SimulatedHost, type Far } from './simulatedHost.ts';
import { addressOf, type Order, type Report } from './simulatedFleet.ts';
import type { Transcript } from './transcript.ts';

const started = JSON.parse(process.argv[2] ?? '') as Order;
const transcript = JSON.parse(readFileSync(new URL('transcript.json', import.meta.url), 'utf8')) as Transcript;
const far: Far = {
  transcript,
  logins: 0,
  looks: 0,
  changes: 0,
  unknown: [],
  overdue: 0,
  open: 0,
  looked: new Set(),
  firstBytes: [],
};

for (let index = started.first; index < started.first + started.count; index++) {
  const host = new SimulatedHost(far, index);
  const server = new ssh2.Server({ hostKeys: [generateKeyPair('host').privateKey] }, (connection) =>
    host.serve(connection),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(started.port, addressOf(index), resolve);
  });
}

process.on('message', (order: { reset?: boolean }) => {
  if (order.reset === true) {
    far.looked.clear();
    far.firstBytes = [];
  }
  const { logins, looks, changes, unknown, overdue, open, looked, firstBytes } = far;
  const report: Report = { logins, looks, changes, unknown, overdue, open, looked: looked.size, firstBytes };
  process.send?.(report);
});
// it goes with the bench, however that ends
process.on('disconnect', () => process.exit());
process.send?.('ready');
