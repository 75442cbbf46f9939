import { z } from 'zod';
import { integer, setList } from './schema.ts';

const rootLogins = ['Allowed', 'KeyOnly', 'Denied'] as const;

const Sshd = z
  .object({
    ports: setList(integer(1, 65535), 4)
      .min(1)
      .optional()
      .describe(
        'TCP ports that sshd listens on, and no others; spec.ssh.port must be one of them. To move to another port, add it here, then point spec.ssh.port at it, then take the old one out. Example: [22, 2222].',
      ),
    passwordAuthentication: z
      .enum(['Enabled', 'Disabled'])
      .optional()
      .describe(
        'Whether users may log in by password. Disabled also turns off keyboard-interactive, by which passwords are asked for too.',
      ),
    permitRootLogin: z
      .enum(rootLogins)
      .optional()
      .describe('How root may log in: Allowed by any method, KeyOnly by no password, Denied not at all.'),
    maxAuthTries: integer(1, 100).optional().describe('Authentication attempts per connection. Example: 3.'),
    clientAlive: z
      .object({
        intervalSeconds: integer(0, 86400)
          .optional()
          .describe(
            'Seconds of silence until sshd asks whether the client is still there; 0 never asks. Example: 300.',
          ),
        countMax: integer(1, 1000)
          .optional()
          .describe('Unanswered questions until sshd ends the connection. Example: 2.'),
      })
      .optional()
      .describe('How sshd gets rid of dead connections.'),
  })
  .describe(
    'Settings of the SSH server, in /etc/ssh/sshd_config.d/00-hostler.conf; each field that is absent is left as the host has it. The host takes a change back unless a new login proves that it locks nobody out. The file stays when the field, the block or the Server goes.',
  );
export type Sshd = z.infer<typeof Sshd>;

export const Hardening = z
  .object({ sshd: Sshd.optional() })
  .describe('What makes the host harder to attack. Absent: not touched and not judged.');
export type Hardening = z.infer<typeof Hardening>;
