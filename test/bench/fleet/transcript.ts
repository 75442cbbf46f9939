import { createHash } from 'node:crypto';
import type { Program } from './program.ts';

/** What a real host answered to one script, with names in braces where hosts and runs differ. */
export interface Exchange {
  /** How many changes the host had taken before. */
  phase: number;
  /** See {@link keyOf}. */
  key: string;
  /** For people: the beginning of what the script does. */
  about: string;
  /** From the whole program to the end, as seen by the client. */
  milliseconds: number;
  /** It changed the host: the next phase begins. */
  changes: boolean;
  status: number;
  stdout: string;
  stderr: string;
}

/** The answers of one host from its first login on, and the object that came of it. */
export interface Transcript {
  exchanges: Exchange[];
  /** By phase: the signature of the package state, as `observe` asks for it. */
  signatures: string[];
}

/** Of a simulated host or a recorded one: what differs from host to host. */
export interface Identity {
  machineId: string;
  bootId: string;
  /** UIDs of installation, Server and Lease, in this order; undefined while nobody owns the host. */
  owner: readonly [string, string, string] | undefined;
}

const FORCED = 2;
const RARELY = 3;

/** The look of src/host/observe.ts. */
export function isObservation(program: Program): boolean {
  return program.text.includes('hostler_rarely=$4');
}

/** Runs under the lock of the owner file; its first arguments say who claims. */
export function ownerOf(program: Program): readonly [string, string, string] | undefined {
  const [installation, server, lease] = program.args;
  if (!program.text.includes('hostler_claim "$1"')) return undefined;
  if (installation === undefined || server === undefined || lease === undefined) return undefined;
  return [installation, server, lease];
}

/** Names what a script does: its text, and of a look also what it was asked to gather. */
export function keyOf(program: Program, signature: string): string {
  const digest = createHash('sha256').update(program.text).digest('hex').slice(0, 16);
  if (!isObservation(program)) return digest;
  const packages = program.args[FORCED] === '1' || program.args[1] !== signature;
  return `${digest}/${packages ? 'packages' : 'kept'}${program.args[RARELY] === '1' ? '+rarely' : ''}`;
}

/** Key of the look by the same script that gathers everything. */
export function wholeLook(key: string): string {
  return key.replace(/\/.*$/, '/packages+rarely');
}

/** Replaces by names what differs: nonces, times, who the host is and whose it is. */
export function generalise(output: string, program: Program, identity: Identity): string {
  const names: [string, string | undefined][] = [
    [program.frame, 'frame'],
    [isObservation(program) ? (program.args[0] ?? '') : '', 'nonce'],
    [identity.machineId, 'machineId'],
    [identity.bootId, 'bootId'],
    ...(identity.owner ?? []).map((uid, index): [string, string] => [uid, `owner${index}`]),
  ];
  let text = output;
  for (const [value, name] of names) if (value !== '') text = text.replaceAll(value, `{${name}}`);
  return text.replace(/^(\{nonce\} 0\.time 0 10\n)\d{10}/m, '$1{time}');
}

/** The answer of a host with that identity; all names stand for values as long as those recorded. */
export function specialise(template: string, program: Program, identity: Identity): string {
  const values: Record<string, string | undefined> = {
    frame: program.frame,
    nonce: program.args[0],
    machineId: identity.machineId,
    bootId: identity.bootId,
    time: String(Math.floor(Date.now() / 1000)),
    owner0: identity.owner?.[0],
    owner1: identity.owner?.[1],
    owner2: identity.owner?.[2],
  };
  return template.replace(/\{(frame|nonce|machineId|bootId|time|owner[012])\}/g, (name, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`the answer names ${name}, which this host does not have`);
    return value;
  });
}
