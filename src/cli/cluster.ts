import type { Command } from 'commander';
import { isNotFound } from '../kube/apiError.ts';
import { Client } from '../kube/client.ts';
import { type Connection, isLoopback, KubeconfigError } from '../kube/connection.ts';
import { defaultConnection } from '../kube/kubeconfig.ts';
import { CliError, exitCode } from './exitCodes.ts';
import { remark } from './output.ts';

/** Options of every command that talks to the API. */
export interface ClusterOptions {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
}

/** A client and the namespace that the command works in. */
export interface Cluster {
  client: Client;
  namespace: string;
}

/** Adds the options that choose the API server and the namespace. */
export function withCluster(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig (default: $KUBECONFIG, ./.hostler/kubeconfig, ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', "namespace (default: the context's, or default)");
}

/**
 * Opens what the options name.
 * @throws CliError usage  when there is no kubeconfig, or it is wrong.
 */
export function openCluster({ namespace, ...options }: ClusterOptions): Cluster {
  const client = new Client({ connection: connectTo(options) });
  return { client, namespace: namespace ?? client.namespace };
}

/**
 * The connection that the options name.
 * @throws CliError usage  when there is no kubeconfig, or it is wrong.
 */
export function connectTo({ kubeconfig, context }: Omit<ClusterOptions, 'namespace'>): Connection {
  try {
    const connection = defaultConnection({ ...(kubeconfig && { kubeconfig }), ...(context && { context }) });
    const { foundAt, server } = connection;
    // what is added goes there, keys of hosts included: whoever is elsewhere is told where
    if (foundAt !== undefined && !isLoopback(server.hostname)) remark(`Server ${server.origin}, by ${foundAt}.`);
    return connection;
  } catch (error) {
    if (error instanceof KubeconfigError) throw new CliError(exitCode.usage, error.message);
    throw error;
  }
}

/** Runs `act`; "not found" ends the command with exit code 3 and says what was not found. */
export async function orNotFound<T>(what: string, act: Promise<T>): Promise<T> {
  try {
    return await act;
  } catch (error) {
    if (isNotFound(error)) throw new CliError(exitCode.notFound, `${what} does not exist.`);
    throw error;
  }
}
