import type { EffectiveServer } from '../../../api/effective.ts';
import { TerminalError, messageOf } from '../../../lib/errors.ts';
import { parseVersionRange, type VersionRange } from '../../../lib/versionRange.ts';
import type { Json } from '../../task.ts';

/** `spec.docker`, ready to be compared. */
export interface DockerWant {
  /** Absent: any version will do. */
  range?: VersionRange;
  /** An older version than the installed one may be gone back to. */
  downgrade: boolean;
  hold: boolean;
  source: 'Distro' | 'DockerCE';
  daemonConfig: Readonly<Record<string, Json>>;
}

/** Undefined when Docker is not managed. @throws TerminalError InvalidSpec  for a version that cannot be read. */
export function dockerWant({ docker }: EffectiveServer): DockerWant | undefined {
  if (docker === undefined) return undefined;
  return {
    ...(docker.version === undefined ? {} : { range: rangeOf(docker.version) }),
    downgrade: docker.downgrade === 'Allow',
    hold: docker.hold,
    source: docker.source.type,
    // through JSON: what the API stored is JSON, the type does not know it
    daemonConfig: JSON.parse(JSON.stringify(docker.daemonConfig)) as Record<string, Json>,
  };
}

function rangeOf(text: string): VersionRange {
  try {
    return parseVersionRange(text);
  } catch (error) {
    throw new TerminalError('InvalidSpec', `spec.docker.version: ${messageOf(error)}`, { cause: error });
  }
}
