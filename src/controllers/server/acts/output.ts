import { API_VERSION } from '../../../api/meta.ts';
import type { ServerOperation } from '../../../api/serverOperation.ts';
import { ApiError } from '../../../kube/apiError.ts';
import type { Client } from '../../../kube/client.ts';
import { secrets } from '../../../kube/resource.ts';
import { TerminalError } from '../../../lib/errors.ts';
import { redactor } from '../../../lib/redaction.ts';

export const MAX_OUTPUT_BYTES = 256 * 1024;

/**
 * Keeps what a command printed in a Secret that goes with its operation. Idempotent: output that was kept stays.
 * @returns the name of the Secret.
 * @throws TerminalError DependencyNotReady  when a foreign Secret has that name.
 */
export async function keepOutput(
  client: Client,
  { metadata }: ServerOperation,
  output: string,
  signal: AbortSignal,
): Promise<string> {
  const { namespace = '', uid = '' } = metadata;
  const name = `${metadata.name.slice(0, 240)}-output`;
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
    await client.create(secrets, secret, { signal });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
    const found = await client.get(secrets, { namespace, name }, { signal });
    if (found.metadata.ownerReferences?.some((one) => one.uid === uid) !== true)
      throw new TerminalError('DependencyNotReady', `Secret ${name} exists and is not this operation's.`, {
        remedy: 'Give the operation another name.',
      });
  }
  return name;
}
