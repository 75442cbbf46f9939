import type { EffectiveBundle, EffectiveMirror, EffectiveServer } from '../../../api/effective.ts';
import { TerminalError, messageOf } from '../../../lib/errors.ts';
import { parseVersionRange, type VersionRange } from '../../../lib/versionRange.ts';
import type { Json } from '../../task.ts';

/** The declared repository, with its signing key once that was read. */
export type MirrorWant = Omit<EffectiveMirror, 'packages'>;

/** The declared bundle, with its artifacts once they were read. */
type BundleWant = Omit<EffectiveBundle, 'packages'>;

/** `spec.docker`, ready to be compared. */
export interface DockerWant {
  /** Absent: any version will do. */
  range?: VersionRange;
  /** An older version than the installed one may be gone back to. */
  downgrade: boolean;
  hold: boolean;
  /** ` by default`, or nothing when `hold` is declared. */
  holdOrigin: string;
  source: 'Distro' | 'DockerCE' | 'Mirror' | 'Bundle';
  /** Which packages the engine is made of. */
  packages: 'Distro' | 'DockerCE';
  /** With source Mirror. */
  mirror?: MirrorWant;
  /** With source Bundle. */
  bundle?: BundleWant;
  daemonConfig: Readonly<Record<string, Json>>;
}

/** Undefined when Docker is not managed. @throws TerminalError InvalidSpec  for a version that cannot be read. */
export function dockerWant({ docker, originOf }: EffectiveServer): DockerWant | undefined {
  if (docker === undefined) return undefined;
  return {
    ...(docker.version === undefined ? {} : { range: rangeOf(docker.version) }),
    downgrade: docker.downgrade === 'Allow',
    hold: docker.hold,
    holdOrigin: originOf('docker.hold'),
    ...sourceOf(docker.source),
    // through JSON: what the API stored is JSON, the type does not know it
    daemonConfig: JSON.parse(JSON.stringify(docker.daemonConfig)) as Record<string, Json>,
  };
}

function sourceOf({
  type,
  mirror,
  bundle,
}: NonNullable<EffectiveServer['docker']>['source']): Pick<DockerWant, 'source' | 'packages' | 'mirror' | 'bundle'> {
  switch (type) {
    case 'Distro':
    case 'DockerCE':
      return { source: type, packages: type };
    case 'Mirror': {
      if (mirror === undefined) throw notSet('mirror');
      const { packages, ...repository } = mirror;
      return { source: type, packages, mirror: repository };
    }
    case 'Bundle': {
      if (bundle === undefined) throw notSet('bundle');
      const { packages, ...named } = bundle;
      return { source: type, packages, bundle: named };
    }
  }
}

/** The CRD's rules demand it. */
function notSet(field: string): TerminalError {
  return new TerminalError('InvalidSpec', `spec.docker.source.${field} is not set.`);
}

function rangeOf(text: string): VersionRange {
  try {
    return parseVersionRange(text);
  } catch (error) {
    throw new TerminalError('InvalidSpec', `spec.docker.version: ${messageOf(error)}`, { cause: error });
  }
}
