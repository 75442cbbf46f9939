import type { HostKey } from '../../api/knownHost.ts';
import type { ServerStatus } from '../../api/serverStatus.ts';
import type { KeyInstallation } from '../../host/authorizedKeys.ts';
import type { EventNote } from '../../kube/eventRecorder.ts';
import { fingerprint } from '../../ssh/knownHostKey.ts';
import type { Scope } from './scope.ts';

/** Whether the host has accepted a private key of this Server: then spec.ssh.auth.bootstrap is history. */
export function isKeyProven(auth: ServerStatus['auth']): boolean {
  return auth?.acceptedVersion !== undefined && auth.current === 'PrivateKey';
}

/** Why nothing may be written to the host, authorized_keys included; undefined = it may. */
export function whyNoKey({ effective, server }: Scope): string | undefined {
  if (server.metadata.deletionTimestamp !== undefined) return 'the Server is being deleted';
  if (effective.paused) return 'spec.paused is true';
  return effective.defaultPolicy === 'Observe' ? 'spec.management.default is Observe' : undefined;
}

/** What `kubectl describe` tells about a key that was put into authorized_keys. */
export function keyInstalled(scope: Scope, key: HostKey, { file }: KeyInstallation): EventNote {
  const { user } = scope.effective.ssh;
  return {
    type: 'Normal',
    reason: 'KeyInstalled',
    message: `public key ${fingerprint(key)} (${key.type}) of ${user} added to ${file}, by the bootstrap password`,
  };
}
