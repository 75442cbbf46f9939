import { type Command, InvalidArgumentError, Option } from 'commander';
import { EXPIRED_AFTER_MS } from '../controllers/server/qualified.ts';
import type { LogLevel } from '../lib/logger.ts';
import { duration } from './wait.ts';

const DAY_MS = 24 * 3600_000;

/** Where something listens. Port 0 = any that is free. */
export interface ListenAddress {
  host: string;
  port: number;
}

/** What the controllers are told, in both homes. Durations are milliseconds. */
export interface ControllerOptions {
  healthInterval: number;
  driftInterval: number;
  requalifyAfter: number;
  allowLoopback?: boolean;
  deniedCidrs?: string[];
  maxConnections: number;
  bundleDir?: string;
  metricsListen?: ListenAddress;
  logLevel: LogLevel;
}

/** Adds the options of every command that runs controllers. */
export function withControllerOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--health-interval <duration>', 'between two looks at a healthy host')
        .argParser(duration)
        .default(120_000, '2m'),
    )
    .addOption(
      new Option('--drift-interval <duration>', 'between two looks at everything that is managed')
        .argParser(duration)
        .default(600_000, '10m'),
    )
    .addOption(
      new Option(
        '--requalify-after <duration>',
        'age at which checks that cannot be repeated count as Stale; up to 30d',
      )
        .argParser(requalifyAfter)
        .default(7 * DAY_MS, '7d'),
    )
    .option('--allow-loopback', 'Servers may have loopback addresses')
    .option('--denied-cidrs <list>', 'address ranges that are never connected to', cidrs)
    .option('--max-connections <n>', 'most SSH connections kept open', positive, 1000)
    .option(
      '--bundle-dir <dir>',
      'where the files of ArtifactBundles lie (default: bundles in --data-dir, else /srv/hostler/bundles)',
    )
    .option('--metrics-listen <address:port>', 'serve /metrics and probes over plain HTTP', listenAddress)
    .addOption(
      new Option('--log-level <level>', 'least level that is logged')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    );
}

/** Parses `address:port`; an IPv6 address stands in brackets. */
export function listenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535)
    throw new InvalidArgumentError(`"${text}" is not address:port, such as 127.0.0.1:7443.`);
  return { host, port };
}

/** No longer than after which they are Expired. */
function requalifyAfter(text: string): number {
  const ms = duration(text);
  if (ms > EXPIRED_AFTER_MS)
    throw new InvalidArgumentError(`"${text}" is longer than 30d, after which checks are Expired.`);
  return ms;
}

function cidrs(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError(`"${text}" is not a positive whole number.`);
  return value;
}
