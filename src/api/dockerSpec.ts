import { z } from 'zod';
import { freeObject, setList } from './schema.ts';

const Source = z
  .object({
    type: z
      .enum(['Distro', 'DockerCE'])
      .describe("Distro: the distribution's own packages. DockerCE: Docker's repository for the distribution."),
  })
  .describe('Where the engine comes from. Default: Distro.');

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
