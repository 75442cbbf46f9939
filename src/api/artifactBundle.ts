import { z } from 'zod';
import { conditionList, unjudged } from './conditions.ts';
import type { KindDefinition } from './kind.ts';
import type { KubeObject } from './meta.ts';
import { entryName, integer, mapList, withRules } from './schema.ts';

const MAX_ARTIFACTS = 32;

const System = z.object({
  id: z
    .string()
    .min(1)
    .max(32)
    .regex(/^[a-z0-9._-]+$/)
    .describe('ID in /etc/os-release. Example: debian.'),
  versionID: z.string().min(1).max(32).describe('VERSION_ID in /etc/os-release. Example: "12".'),
});

const Artifact = z.object({
  name: entryName.describe('Name of the entry. Example: docker-bookworm-amd64.'),
  type: z
    .enum(['Packages'])
    .describe(
      'Packages: a tar archive of Debian packages (*.deb), the engine with everything it depends on that the host may lack.',
    ),
  file: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._+~-]*(\/[A-Za-z0-9][A-Za-z0-9._+~-]*)*$/)
    .describe(
      'Where the bytes lie, below the bundle directory of every machine that runs controllers (--bundle-dir). Example: docker/28-bookworm-amd64.tar.',
    ),
  sha256: z
    .string()
    .min(64)
    .max(64)
    .regex(/^[0-9a-f]{64}$/)
    .describe('SHA-256 of the file, as sha256sum prints it: what is trusted. Checked before sending and on the host.'),
  sizeBytes: integer(1, 2 ** 40).describe('Size of the file in bytes.'),
  os: System.describe('The system that it is made for.'),
  architecture: z
    .string()
    .min(1)
    .max(16)
    .regex(/^[a-z0-9-]+$/)
    .describe("Debian's name of the architecture that it is made for. Example: amd64."),
});
export type Artifact = z.infer<typeof Artifact>;

const ArtifactBundleSpec = z.object({
  artifacts: withRules(mapList(Artifact, MAX_ARTIFACTS).min(1), [
    {
      rule: 'self.all(a, self.exists_one(b, a.type == b.type && a.os.id == b.os.id && a.os.versionID == b.os.versionID && a.architecture == b.architecture))',
      message: 'at most one artifact of a type for each system and architecture',
    },
  ]).describe('The files, one for each kind of host.'),
});

const ArtifactBundleStatus = z.object({
  conditions: conditionList
    .optional()
    .describe('Ready: every file lies in the bundle directory with the size and checksum stated.'),
});

/** Packages for hosts that reach no repository: which files, for which hosts, with which checksums. */
export interface ArtifactBundle extends KubeObject {
  spec: z.infer<typeof ArtifactBundleSpec>;
  status?: z.infer<typeof ArtifactBundleStatus>;
}

export const artifactBundleKind = {
  kind: 'ArtifactBundle',
  plural: 'artifactbundles',
  singular: 'artifactbundle',
  shortNames: ['bundle'],
  description:
    'Packages for hosts without internet: files on the machine that runs controllers, each for one kind of host, with its checksum.',
  schema: z.object({
    spec: ArtifactBundleSpec.describe('What is in it.'),
    status: ArtifactBundleStatus.describe('What was found.').optional(),
  }),
  unseen: unjudged('NotStarted'),
  printerColumns: [
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'Artifacts', type: 'string', jsonPath: '.spec.artifacts[*].name', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
} as const satisfies KindDefinition;
