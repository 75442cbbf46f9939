import { Command, Option } from 'commander';
import type { Server } from '../../api/server.ts';
import type { ServerOperation } from '../../api/serverOperation.ts';
import type { Step } from '../../api/serverStatus.ts';
import { jobLogsScript } from '../../host/jobLogs.ts';
import { serverOperations, servers } from '../../kube/hostlerResources.ts';
import { events, type KubeEvent } from '../../kube/resource.ts';
import { systemClock } from '../../lib/clock.ts';
import { openCluster, orNotFound, withCluster, type Cluster, type ClusterOptions } from '../cluster.ts';
import { operationWaits, outputOf, serverToOperate } from '../operation.ts';
import { print, remark } from '../output.ts';

const POLL_MS = 1000;
const WHAT_WIDTH = 32;
const STATE_WIDTH = 20;

const JOB_LOGS_MS = 120_000;

interface LogsOptions extends ClusterOptions {
  follow?: boolean;
  jobs?: boolean;
}

/** Something that happened: a line of the log. */
interface LogLine {
  /** RFC 3339. */
  time: string;
  what: string;
  state: string;
  message: string;
}

/** `hostler server logs` */
export function logsCommand(): Command {
  return withCluster(new Command('logs').description('what happened to a Server, in order: Events, steps, operations'))
    .argument('<name>', 'name of the Server')
    .addOption(new Option('-f, --follow', 'go on with what happens, until it is interrupted').conflicts('jobs'))
    .option('--jobs', 'what installations and other jobs of the last 7 days printed; read from the host')
    .addHelpText(
      'after',
      '\nExamples:\n  hostler server logs eu-1\n  hostler server logs eu-1 --follow\n  hostler server logs eu-1 --jobs',
    )
    .action(logs);
}

async function logs(name: string, options: LogsOptions): Promise<void> {
  const cluster = openCluster(options);
  if (options.jobs === true) return printJobLogs(cluster, name);
  const told = new Set<string>();
  do {
    for (const text of (await read(cluster, name)).map(textOf).filter((one) => !told.has(one))) {
      told.add(text);
      print(text);
    }
    if (told.size === 0 && options.follow !== true) remark(`Nothing happened to Server ${name} yet.`);
    if (options.follow === true) await systemClock.sleep(POLL_MS);
  } while (options.follow === true);
}

/** They stay on the host, so a ServerOperation fetches them. */
async function printJobLogs(cluster: Cluster, name: string): Promise<void> {
  const waits = operationWaits({ timeout: JOB_LOGS_MS });
  await serverToOperate(cluster, name, waits);
  const text = await outputOf(cluster, name, { script: jobLogsScript, timeoutSeconds: 60 }, waits);
  if (text === '') remark(`No job of the last 7 days printed anything on Server ${name}.`);
  else print(text.trimEnd());
}

function textOf({ time, what, state, message }: LogLine): string {
  return `${time}  ${what.padEnd(WHAT_WIDTH)} ${state.padEnd(STATE_WIDTH)} ${message}`.trimEnd();
}

async function read({ client, namespace }: Cluster, name: string): Promise<LogLine[]> {
  const server = await orNotFound(`Server ${namespace}/${name}`, client.get(servers, { namespace, name }));
  const { items: operations } = await client.list(serverOperations, { namespace });
  const mine = operations.filter(({ spec }) => spec.serverRef.name === name);
  const uids = new Set([server, ...mine].map(({ metadata }) => metadata.uid));
  const { items } = await client.list(events, { namespace });
  const about = items.filter(({ involvedObject }) => uids.has(involvedObject.uid));
  return linesOf(server, mine, about);
}

/** Everything that the API knows about what happened, oldest first; what goes on stands at the time it began. */
export function linesOf(
  server: Server,
  operations: readonly ServerOperation[],
  about: readonly KubeEvent[],
): LogLine[] {
  const lines = [
    ...about.map(({ lastTimestamp, reason, type, message }) => line(lastTimestamp, `event ${reason}`, type, message)),
    ...stepLines('step', server.status?.provisioning?.steps),
    ...operations.flatMap(({ metadata, spec, status }) => [
      line(
        status?.completionTime ?? status?.startTime ?? metadata.creationTimestamp,
        `${spec.type} ${metadata.name}`,
        status?.phase ?? 'Pending',
        status?.message,
      ),
      ...stepLines(metadata.name, status?.steps),
    ]),
  ];
  return lines.sort((a, b) => a.time.localeCompare(b.time));
}

function stepLines(of: string, steps: readonly Step[] = []): LogLine[] {
  return steps
    .filter(({ startTime }) => startTime !== undefined)
    .map(({ name, state, message, startTime, completionTime }) =>
      line(completionTime ?? startTime, `${of} ${name}`, state, message),
    );
}

function line(time = '', what: string, state: string, message = ''): LogLine {
  return { time, what, state, message: message.replaceAll('\n', ' ') };
}
