import { z } from 'zod';
import { atomicList, freeObject, objectName, setList, withRules } from './schema.ts';

const sourceTypes = ['Distro', 'DockerCE', 'Mirror', 'Bundle'] as const;

/** An apt repository of the user's own. */
const Mirror = z
  .object({
    url: z
      .string()
      .min(1)
      .max(500)
      .regex(/^https?:\/\/[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(\/[A-Za-z0-9._~+-]+)*\/?$/)
      .describe(
        'The repository as it stands in sources.list, without credentials (those belong into /etc/apt/auth.conf.d on the host). Example: https://mirror.example.com/docker-ce/linux/debian.',
      ),
    suite: z
      .string()
      .min(1)
      .max(100)
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9._-]+)*$/)
      .optional()
      .describe("Suite below dists/. Default: the codename of the host's system, such as bookworm."),
    components: atomicList(
      z
        .string()
        .min(1)
        .max(100)
        .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
      10,
    )
      .min(1)
      .optional()
      .describe('Components of the suite. Default: [stable].'),
    packages: z
      .enum(['DockerCE', 'Distro'])
      .optional()
      .describe(
        'Which packages the engine is made of there. DockerCE: docker-ce, docker-ce-cli, containerd.io. Distro: docker.io, as the distribution names it. Default: DockerCE.',
      ),
    keySecretRef: z
      .object({ name: objectName.describe('Name of the Secret, in the same namespace.') })
      .describe(
        'Secret with the key `key`: the ASCII-armored OpenPGP public key that the repository is signed with. Read again with every full look; a changed key is written to the host. Example: {name: mirror-key}.',
      ),
  })
  .describe('An apt repository of your own. Only with type Mirror.');

/** An ArtifactBundle, for hosts that reach no repository. */
const Bundle = z
  .object({
    bundleRef: z
      .object({ name: objectName.describe('Name of the ArtifactBundle, in the same namespace.') })
      .describe('The ArtifactBundle that has packages for this host. Example: {name: docker-28}.'),
    packages: z
      .enum(['DockerCE', 'Distro'])
      .optional()
      .describe(
        'Which packages the engine is made of there. DockerCE: docker-ce, docker-ce-cli, containerd.io. Distro: docker.io, as the distribution names it. Default: DockerCE.',
      ),
  })
  .describe('Packages that Hostler brings over the SSH connection. Only with type Bundle.');

const Source = withRules(
  z.object({
    type: z
      .enum(sourceTypes)
      .describe(
        "Distro: the distribution's own packages. DockerCE: Docker's repository for the distribution. Mirror: an apt repository of your own. Bundle: packages that Hostler itself brings, for hosts without internet.",
      ),
    mirror: Mirror.optional(),
    bundle: Bundle.optional(),
  }),
  [
    {
      rule: "(self.type == 'Mirror') == has(self.mirror)",
      message: 'mirror must be set with type Mirror, and only then',
      fieldPath: '.mirror',
    },
    {
      rule: "(self.type == 'Bundle') == has(self.bundle)",
      message: 'bundle must be set with type Bundle, and only then',
      fieldPath: '.bundle',
    },
  ],
).describe('Where the engine comes from. Default: Distro.');

const downgrades = ['Refuse', 'Allow'] as const;

/** spec.docker. */
export const Docker = z
  .object({
    version: z
      .string()
      .min(1)
      .max(64)
      .regex(/^(\d+(\.\d+){0,2}|(>=|<=|>|<)\d+(\.\d+){0,2}( (>=|<=|>|<)\d+(\.\d+){0,2})?)$/)
      .optional()
      .describe(
        'Exact version (28.5.2), prefix (28.5) or range (>=27 <29). Absent: any version that is there, else the newest offered.',
      ),
    downgrade: z
      .enum(downgrades)
      .optional()
      .describe(
        'When the declared version is older than the installed one. Refuse: nothing is done, and DockerReady says so. Allow: the engine is downgraded; what the newer one wrote may keep the older one from starting, so have a backup. Default: Refuse.',
      ),
    hold: z
      .boolean()
      .optional()
      .describe('Keep the package manager from moving the engine outside Hostler. Default: true.'),
    source: Source.optional(),
    daemonConfig: freeObject
      .optional()
      .describe(
        'Keys of /etc/docker/daemon.json that Hostler owns; other keys in the file stay. Example: {live-restore: true}.',
      ),
    users: setList(
      z
        .string()
        .min(1)
        .max(32)
        .regex(/^[a-z_][a-z0-9_-]*[$]?$/),
      50,
    )
      .optional()
      .describe('Users who may use Docker (group docker; equal to root). Members who are not listed stay.'),
  })
  .describe('The Docker engine. Absent: not touched and not judged.');
