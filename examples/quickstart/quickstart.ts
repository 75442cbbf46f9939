/**
 * The first contact: a control plane, a real server, the example manifest, and its conditions until Ready.
 * `--host user@address[:port]` takes an own server instead of a sandbox; `--down` removes everything again.
 */
import { parseArgs } from 'node:util';
import { exitCode } from '../../src/cli/exitCodes.ts';
import { operationWaits, runOperation } from '../../src/cli/operation.ts';
import { waitForReady } from '../../src/cli/wait.ts';
import { messageOf } from '../../src/lib/errors.ts';
import { applyServer } from './applyServer.ts';
import { startControlPlane } from './controlPlane.ts';
import { takeDown } from './down.ts';
import { chooseMachine, type Machine } from './machine.ts';
import { ownHost } from './ownHost.ts';
import { installKubectl, say, step } from './support.ts';

const TIMEOUT_MS = 15 * 60_000;
const LOOK_TIMEOUT_MS = 60_000;
/** A sandbox answers by now; an own server that does not is for its owner to look at. */
const PATIENCE_MS = 30_000;

const HELP = `npm run quickstart                                  boot a sandbox server on this machine (Linux, root)
npm run quickstart -- --host root@203.0.113.10      take a server of your own; default port 22
    --key-file <file>      private key to log in with; default: ~/.ssh/id_ed25519, id_ecdsa, id_rsa
    --passphrase-stdin     read the key's passphrase from standard input
npm run quickstart -- --down                        remove all that the quickstart made`;

process.exitCode = await main(process.argv.slice(2));

async function main(argv: string[]): Promise<number> {
  let values: ReturnType<typeof readArguments>;
  try {
    values = readArguments(argv);
  } catch (error) {
    say(`quickstart: ${messageOf(error)}\n\n${HELP}`);
    return exitCode.usage;
  }
  try {
    if (values.help) say(HELP);
    else if (values.down) return (await takeDown()) ? exitCode.ok : exitCode.failed;
    else await quickstart(values);
    return exitCode.ok;
  } catch (error) {
    say(`\nquickstart: ${messageOf(error)}`);
    say('It is safe to run it again. Logs of the control plane: .hostler/serve.log');
    return exitCode.failed;
  }
}

function readArguments(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      host: { type: 'string' },
      'key-file': { type: 'string' },
      'passphrase-stdin': { type: 'boolean', default: false },
      down: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.host === undefined && (values['key-file'] !== undefined || values['passphrase-stdin']))
    throw new Error('--key-file and --passphrase-stdin belong to --host user@address');
  return values;
}

async function quickstart(values: ReturnType<typeof readArguments>): Promise<void> {
  step('Choosing a server');
  const machine =
    values.host === undefined
      ? await chooseMachine()
      : await ownHost({
          host: values.host,
          keyFile: values['key-file'],
          passphraseStdin: values['passphrase-stdin'],
        });
  step('Starting the control plane');
  const client = await startControlPlane();
  const kubectl = await installKubectl();
  step(`Applying the manifest of server ${machine.serverName}`);
  const cluster = { client, namespace: 'default' };
  // what an earlier run ended with may be put right by now
  if (await applyServer(client, machine))
    await runOperation(cluster, machine.serverName, { type: 'Retry' }, operationWaits({ timeout: LOOK_TIMEOUT_MS }));
  step('Waiting for Ready; this is what happens over SSH');
  await waitForReady(cluster, machine.serverName, { timeout: TIMEOUT_MS, patienceMs: PATIENCE_MS, tell: say });
  if (machine.remark !== '') say(machine.remark);
  printNext(machine, kubectl);
}

function printNext({ serverName, kind }: Machine, kubectl: string | undefined): void {
  say(`
Everything runs on; look at it:
  export KUBECONFIG="$PWD/.hostler/kubeconfig"${kubectl === undefined ? '' : ` PATH="$PWD/.hostler/bin:$PATH"`}
  kubectl get servers -w
  kubectl describe server ${serverName}
  node dist/main.js server show ${serverName}
  node dist/main.js server plan ${serverName}`);
  if (kind !== 'local') {
    say(`Break something on it, and have it repaired (by itself within 10 minutes, or at once by a retry):
  node dist/main.js server retry ${serverName} --wait`);
  }
  say(`Remove everything again:
  npm run quickstart -- --down`);
}
