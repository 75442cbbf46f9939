import { SYSTEM_NAMESPACE } from '../api/access.ts';
import { isAlreadyExists } from './apiError.ts';
import type { Client } from './client.ts';
import { type ConfigMap, configMaps, namespaces } from './resource.ts';

const NAME = 'hostler-installation';

/**
 * UID of this installation: that of the ConfigMap `hostler-system/hostler-installation`, made on first use with its
 * namespace. It stands in the owner file of every host, so backups and moves must keep it.
 * @throws ApiError, ApiConnectionError
 */
export async function ensureInstallation(client: Client, signal?: AbortSignal): Promise<string> {
  const call = signal === undefined ? {} : { signal };
  const key = { namespace: SYSTEM_NAMESPACE, name: NAME };
  const found = await client.find(configMaps, key, call);
  if (found !== undefined) return uidOf(found);
  await ensureNamespace(client, call);
  const wanted: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...key, labels: { 'app.kubernetes.io/managed-by': 'hostler' } },
    data: { note: 'The UID of this object names the Hostler installation that owns hosts. Do not delete it.' },
  };
  try {
    return uidOf(await client.create(configMaps, wanted, call));
  } catch (error) {
    // another replica starts at the same time
    if (isAlreadyExists(error)) return uidOf(await client.get(configMaps, key, call));
    throw error;
  }
}

async function ensureNamespace(client: Client, call: { signal?: AbortSignal }): Promise<void> {
  if ((await client.find(namespaces, { name: SYSTEM_NAMESPACE }, call)) !== undefined) return;
  try {
    await client.create(
      namespaces,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } },
      call,
    );
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

function uidOf(object: ConfigMap): string {
  const { uid } = object.metadata;
  if (uid === undefined || uid === '') throw new Error(`${SYSTEM_NAMESPACE}/${NAME} has no UID`);
  return uid;
}
