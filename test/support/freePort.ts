import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const LOWEST = 10_000;

/**
 * A TCP port of loopback where nothing listens. None of those that the kernel hands out by itself, to listeners on port
 * 0 and to outgoing connections: one of these could have taken it by the time it is used.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = await listenOn(randomInt(LOWEST, Math.max(firstEphemeralPort(), 2 * LOWEST)));
    if (port !== undefined) return port;
  }
  throw new Error('no TCP port is free');
}

function firstEphemeralPort(): number {
  return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0]);
}

/** `port`, or undefined when something listens there. */
function listenOn(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(port)));
  });
}
