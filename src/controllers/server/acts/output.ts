import { API_VERSION } from '../../../api/meta.ts';
import type { ServerOperation } from '../../../api/serverOperation.ts';
import { isAlreadyExists, isForbidden } from '../../../kube/apiError.ts';
import type { Client } from '../../../kube/client.ts';
import { secrets } from '../../../kube/resource.ts';
import { TerminalError, TransientError } from '../../../lib/errors.ts';
import { redactor } from '../../../lib/redaction.ts';
import { howToGrant } from '../grants.ts';

export const MAX_OUTPUT_BYTES = 256 * 1024;

/**
 * Keeps what a command printed in a Secret that goes with its operation. Idempotent: output that was kept stays.
 * @returns the name of the Secret.
 * @throws TransientError SecretForbidden  when Hostler may not create Secrets there (any more).
 */
export async function keepOutput(
  client: Client,
  operation: ServerOperation,
  output: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    return await create(client, operation, output, { signal });
  } catch (error) {
    if (!isForbidden(error)) throw error;
    throw new TransientError('SecretForbidden', ...(await forbidden(client, operation, { cause: error, signal })));
  }
}

/**
 * Asks before the command runs: its output could not be had again.
 * @throws TerminalError SecretForbidden
 */
export async function proveKeepable(client: Client, operation: ServerOperation, signal: AbortSignal): Promise<void> {
  try {
    await create(client, operation, '', { signal, dryRun: true });
  } catch (error) {
    if (!isForbidden(error)) throw error;
    throw new TerminalError('SecretForbidden', ...(await forbidden(client, operation, { cause: error, signal })));
  }
}

async function forbidden(
  client: Client,
  { metadata: { namespace = '' } }: ServerOperation,
  { cause, signal }: { cause: unknown; signal: AbortSignal },
) {
  const message = `Hostler may not create a Secret for the output in namespace ${namespace}.`;
  const remedy = `Let it: ${await howToGrant(client, { asked: '--capture-output', namespace }, signal)}`;
  return [message, { cause, remedy }] as const;
}

async function create(
  client: Client,
  { metadata }: ServerOperation,
  output: string,
  options: { signal: AbortSignal; dryRun?: true },
): Promise<string> {
  const { namespace = '', uid = '' } = metadata;
  // by its UID this operation's own: Hostler may have no right to look whose a Secret is that is there already
  const name = `${metadata.name.slice(0, 200)}-output-${uid}`;
  const owner = { apiVersion: API_VERSION, kind: 'ServerOperation', name: metadata.name, uid, controller: true };
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name, ownerReferences: [owner] },
    type: 'Opaque',
    immutable: true,
    data: { output: Buffer.from(redactor.redact(output)).subarray(-MAX_OUTPUT_BYTES).toString('base64') },
  };
  try {
    await client.create(secrets, secret, options);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  return name;
}
