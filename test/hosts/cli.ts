import { Command, InvalidArgumentError } from 'commander';
import { SUITES, type Suite } from './aptSources.ts';
import { fleetNames, removeEverything, removeFleet } from './cleanup.ts';
import { Fleet } from './fleet.ts';
import { obstacles, prepareMachine, prepareTestPrograms } from './machine.ts';

const DEFAULT_FLEET = 'default';

interface UpFlags {
  suite: Suite;
  fleet: string;
  docker: boolean;
  security: boolean;
  authorizedKey: string[];
}

const program = new Command('hosts').description('Real Debian hosts on this machine, for tests. Needs Linux and root.');

program
  .command('up')
  .description('boot hosts that outlive this command')
  .argument('[count]', 'how many', positive, 1)
  .option('--suite <suite>', `Debian suite: ${SUITES.join(' | ')}`, suite, 'bookworm')
  .option('--fleet <name>', 'network and group of the hosts; made when it is new', DEFAULT_FLEET)
  .option('--docker', 'with the suite’s docker.io installed', false)
  .option('--security', 'with the security archive as an apt source, so that updates are pending', false)
  .option('--authorized-key <line>', 'public key that root accepts; may be repeated', collect, [])
  .action(async (count: number, flags: UpFlags) => {
    const say = (line: string) => console.error(line);
    const name = flags.fleet;
    const fleet = (await Fleet.open(name, say)) ?? (await Fleet.create({ name, persistent: true, say }));
    const { suite: chosen, docker, security, authorizedKey: authorizedKeys } = flags;
    const starting = Array.from({ length: count }, () => fleet.up({ suite: chosen, docker, security, authorizedKeys }));
    for (const host of await Promise.all(starting)) console.log(`${host.machineName}  ${host.sshCommand().join(' ')}`);
  });

program
  .command('prepare')
  .description('make this machine able to run hosts; exit code 3 and the reason where it cannot be made so')
  .action(async () => {
    const missing = await prepareTestPrograms((line) => console.log(line));
    if (missing.length > 0) {
      console.log(`Some tests need these Debian packages, which are missing: apt-get install ${missing.join(' ')}`);
    }
    const hindrances = obstacles();
    if (hindrances.length > 0) {
      console.log(`${hindrances.join('; ')}.`);
      process.exitCode = 3;
      return;
    }
    await prepareMachine((line) => console.log(line));
  });

program
  .command('list')
  .description('show all hosts of all fleets')
  .action(async () => {
    for (const name of await fleetNames()) {
      const hosts = (await (await Fleet.open(name))?.hosts()) ?? [];
      for (const host of hosts) {
        const state = (await host.isRunning()) ? 'running' : 'off';
        console.log([host.machineName, host.suite, host.address, state, host.record.keyFile].join('  '));
      }
    }
  });

program
  .command('down')
  .description('remove hosts and everything that belongs to them, also what a crash left')
  .option('--fleet <name>', 'only this fleet', DEFAULT_FLEET)
  .option('--all', 'every fleet, and leftovers found by name', false)
  .option('--quiet', 'say nothing', false)
  .action(async (flags: { fleet: string; all: boolean; quiet: boolean }) => {
    await (flags.all ? removeEverything() : removeFleet(flags.fleet));
    if (!flags.quiet) console.log(flags.all ? 'removed all fleets' : `removed fleet ${flags.fleet}`);
  });

await program.parseAsync();

function positive(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 200)
    throw new InvalidArgumentError('Use a number from 1 to 200.');
  return count;
}

function suite(text: string): Suite {
  const found = SUITES.find((name) => name === text);
  if (found === undefined) throw new InvalidArgumentError(`Use one of: ${SUITES.join(', ')}.`);
  return found;
}

function collect(line: string, before: string[]): string[] {
  return [...before, line];
}
