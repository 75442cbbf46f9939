/**
 * The first contact: a control plane, a real server, the example manifest, and its conditions until Ready.
 * `--host user@address[:port]` takes an own server instead of a sandbox; `--down` removes everything again.
 */
import { parseArgs } from 'node:util';
import { waitForReady } from '../../src/cli/wait.ts';
import { messageOf } from '../../src/lib/errors.ts';
import { applyServer } from './applyServer.ts';
import { startControlPlane } from './controlPlane.ts';
import { takeDown } from './down.ts';
import { chooseMachine } from './machine.ts';
import { installKubectl, say, step } from './support.ts';

const TIMEOUT_MS = 15 * 60_000;

const { values } = parseArgs({
  options: {
    host: { type: 'string' },
    'key-file': { type: 'string' },
    down: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

try {
  if (values.help) printHelp();
  else if (values.down) await takeDown();
  else await quickstart();
} catch (error) {
  say(`\nquickstart: ${messageOf(error)}`);
  say('It is safe to run it again. Logs of the control plane: .hostler/serve.log');
  process.exitCode = 1;
}

async function quickstart(): Promise<void> {
  step('Choosing a server');
  const machine = await chooseMachine({ host: values.host, keyFile: values['key-file'] });
  step('Starting the control plane');
  const client = await startControlPlane(machine);
  const kubectl = await installKubectl();
  step(`Applying the manifest of server ${machine.serverName}`);
  await applyServer(client, machine);
  step('Waiting for Ready; this is what happens over SSH');
  await waitForReady({ client, namespace: 'default' }, machine.serverName, { timeout: TIMEOUT_MS });
  say(machine.remark);
  printNext(machine.serverName, kubectl);
}

function printNext(name: string, kubectl: string | undefined): void {
  say(`
Everything runs on; look at it:
  export KUBECONFIG="$PWD/.hostler/kubeconfig"${kubectl === undefined ? '' : ` PATH="$PWD/.hostler/bin:$PATH"`}
  kubectl get servers -w
  kubectl describe server ${name}
  node dist/main.js server show ${name}
  node dist/main.js server plan ${name}
Break it and watch it being repaired (within the drift interval, or at once by a retry):
  node dist/main.js server retry ${name}
Remove everything again:
  npm run quickstart -- --down`);
}

function printHelp(): void {
  say(`npm run quickstart                                  boot a sandbox server on this machine (Linux, root)
npm run quickstart -- --host root@203.0.113.10      take a server of your own [--key-file ~/.ssh/id_ed25519]
npm run quickstart -- --down                        remove all that the quickstart made`);
}
