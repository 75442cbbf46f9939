import { z } from 'zod';
import { Docker } from './dockerSpec.ts';
import { Hardening } from './hardeningSpec.ts';
import { Proxy } from './proxySpec.ts';
import { atomicList, entryName, integer, mapList, objectName, quantity, text, withRules } from './schema.ts';

const SecretRef = z.object({ name: objectName.describe('Name of the Secret, in the same namespace.') });

/** kubernetes.io/ssh-auth (`ssh-privatekey`, optional `passphrase`). */
const privateKeySecretRef = SecretRef.describe(
  'Secret of type kubernetes.io/ssh-auth: key ssh-privatekey (PEM or OpenSSH format; Ed25519 preferred, RSA from 3072 bits), optional key passphrase. Example: {name: eu-1-ssh}.',
);
const passwordSecretRef = SecretRef.describe(
  'Secret of type kubernetes.io/basic-auth: key password. Example: {name: eu-1-first}.',
);

const addressTypes = ['FQDN', 'IPv4', 'IPv6', 'Hostname'] as const;
const Address = withRules(
  z.object({
    type: z.enum(addressTypes).describe('FQDN | IPv4 | IPv6 | Hostname.'),
    address: z.string().min(1).max(253).describe('The address itself. Example: 203.0.113.10.'),
  }),
  [
    {
      rule: "self.type == 'IPv4' ? self.address.matches('^[0-9]{1,3}(\\\\.[0-9]{1,3}){3}$') : self.type == 'IPv6' ? self.address.matches('^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$') : self.address.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\\\\.?$')",
      message: 'address must fit its type: dotted IPv4, colon-separated IPv6, or a DNS name',
    },
  ],
);

const Auth = withRules(
  z.object({
    privateKeySecretRef: privateKeySecretRef.optional(),
    passwordSecretRef: passwordSecretRef.optional(),
    bootstrap: z
      .object({ passwordSecretRef })
      .optional()
      .describe(
        'A first password, used to put the public key into authorized_keys and until that key is proven, then never again.',
      ),
  }),
  [
    {
      rule: 'has(self.privateKeySecretRef) != has(self.passwordSecretRef)',
      message: 'exactly one of privateKeySecretRef and passwordSecretRef must be set',
    },
    {
      rule: '!has(self.bootstrap) || has(self.privateKeySecretRef)',
      message: 'bootstrap needs privateKeySecretRef: the key that the first password is to be replaced by',
      fieldPath: '.bootstrap',
    },
  ],
).describe('How to log in. Exactly one main credential.');

/** How many Servers a login goes through at most. */
export const MAX_JUMP_HOSTS = 5;
const privilegeModes = ['Auto', 'None', 'Sudo', 'Doas'] as const;
const hostKeyPolicies = ['TrustOnFirstUse', 'Strict'] as const;

const Ssh = withRules(
  z.object({
    addressType: z
      .enum(['Auto', ...addressTypes])
      .optional()
      .describe('Which address is tried. Auto tries all, in the order FQDN, IPv4, IPv6, Hostname. Default: Auto.'),
    port: integer(1, 65535).optional().describe('TCP port of sshd. Default: 22.'),
    user: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.@-]*[$]?$/)
      .describe('Login user. Example: ubuntu.'),
    auth: Auth,
    hostKeyPolicy: z
      .enum(hostKeyPolicies)
      .optional()
      .describe(
        'TrustOnFirstUse stores the key of the first contact as a KnownHost; a further address or port must then offer a key that is known already, or one that ServerOperation ApproveHostKey names. Strict demands that the KnownHost of each address exists. Must be stated when any password may be sent. Default: TrustOnFirstUse.',
      ),
    privilege: z
      .object({
        mode: z.enum(privilegeModes).optional().describe('How to become root: Auto finds out. Default: Auto.'),
        passwordSecretRef: passwordSecretRef.optional(),
      })
      .optional()
      .describe('How to become root after the login.'),
    jumpHosts: atomicList(
      z.object({ serverRef: z.object({ name: objectName.describe('Name of the Server to go through.') }) }),
      MAX_JUMP_HOSTS,
    )
      .optional()
      .describe('Servers to go through, nearest to Hostler first. Their credentials and trusted keys are used.'),
  }),
  [
    {
      rule: 'has(self.hostKeyPolicy) || !(has(self.auth.passwordSecretRef) || has(self.auth.bootstrap) || (has(self.privilege) && has(self.privilege.passwordSecretRef)))',
      message: 'hostKeyPolicy must be stated (TrustOnFirstUse or Strict) when a password may be sent to the host',
      fieldPath: '.hostKeyPolicy',
      reason: 'FieldValueRequired',
    },
  ],
).describe('How to reach the machine.');

export const disruptions = ['None', 'Reload', 'RestartService', 'RestartContainers', 'Reboot'] as const;
/** What a change does to what runs on the host; ordered from harmless to worst. */
export type Disruption = (typeof disruptions)[number];

/** What is managed as one; later areas join here. */
export const areas = ['Docker', 'Proxy', 'Hardening'] as const;
export type Area = (typeof areas)[number];
const policies = ['Manage', 'Observe'] as const;
export type Policy = (typeof policies)[number];

const Management = z
  .object({
    default: z.enum(policies).optional().describe('Policy of every area not listed. Default: Manage.'),
    areas: mapList(
      z.object({
        area: z.enum(areas).describe('The area. Example: Docker.'),
        policy: z.enum(policies).describe('Manage changes the host; Observe reports drift and changes nothing.'),
      }),
      areas.length,
      ['area'],
    )
      .optional()
      .describe('Areas with their own policy.'),
  })
  .describe('What Hostler may change.');

const Hook = z.object({
  name: entryName.describe('Name of the hook. Example: warm.'),
  when: z
    .enum(['PreProvision', 'PostProvision'])
    .describe('PreProvision runs once before the first change, PostProvision once after the first set-up succeeded.'),
  script: z
    .string()
    .min(1)
    .max(65536)
    .describe(
      'A POSIX sh script, run as root by its own sh. When it fails, the end of its standard error is shown in status and events: let it print no secrets.',
    ),
  timeoutSeconds: integer(1, 3600).optional().describe('Seconds until it is ended. Default: 60.'),
  failurePolicy: z
    .enum(['Ignore', 'Fail'])
    .optional()
    .describe('Fail makes Provisioning fail when the script does. Default: Fail.'),
});

export const ServerSpec = withRules(
  z.object({
    displayName: text(100).optional().describe('Name for people. Example: Production EU 1.'),
    description: text(500).optional().describe('Free text.'),
    provider: z
      .enum(['Custom', 'DigitalOcean', 'AWS', 'Hetzner', 'Azure'])
      .optional()
      .describe(
        'Who runs the machine; information only. The region is the label topology.kubernetes.io/region. Default: Custom.',
      ),
    addresses: mapList(Address, addressTypes.length, ['type'])
      .min(1)
      .describe('Where the machine is: at most one address of each type.'),
    ssh: Ssh,
    management: Management.optional(),
    disruption: z
      .object({
        automatic: z
          .enum(disruptions)
          .optional()
          .describe(
            'The most that a change may disrupt without approval. Default: Reload, or RestartContainers while no container runs.',
          ),
      })
      .optional()
      .describe('What may happen without approval.'),
    docker: Docker.optional(),
    proxy: Proxy.optional(),
    hardening: Hardening.optional(),
    requirements: z
      .object({
        cpu: quantity.optional().describe('Least CPU cores. Example: 2.'),
        memory: quantity.optional().describe('Least memory. Example: 4Gi.'),
        disk: quantity.optional().describe('Least free disk. Example: 80Gi. Default: 20G.'),
      })
      .optional()
      .describe('What the machine must have to be Qualified.'),
    capacity: z
      .object({
        environments: integer(0, 10000).optional().describe('Most Environments on the Server. Example: 8.'),
        reserved: z
          .object({
            cpu: quantity.optional().describe('CPU kept for the system. Example: 500m.'),
            memory: quantity.optional().describe('Memory kept for the system. Example: 512Mi.'),
            disk: quantity.optional().describe('Disk kept for the system. Example: 10Gi.'),
          })
          .optional()
          .describe('Kept back from allocatable.'),
      })
      .optional()
      .describe('What workloads may use.'),
    hooks: mapList(Hook, 20)
      .optional()
      .describe(
        'Own scripts around the first set-up, each run once, also where nothing has to be changed. When Hostler is cut off before it could note the end, a script runs again: make it safe to run twice.',
      ),
    paused: z
      .boolean()
      .optional()
      .describe('True: nothing is written to the host, observation goes on. Default: false.'),
    deletionPolicy: z
      .enum(['Retain', 'RemoveAgent'])
      .optional()
      .describe(
        'Retain leaves the host untouched; RemoveAgent also removes what Hostler put there (never Docker, containers or data). Default: Retain.',
      ),
  }),
  [
    {
      rule: "!has(self.ssh.addressType) || self.ssh.addressType == 'Auto' || self.addresses.exists(a, a.type == self.ssh.addressType)",
      message: 'ssh.addressType names a type that addresses does not have',
      fieldPath: '.ssh.addressType',
    },
    {
      rule: '!has(self.hardening) || !has(self.hardening.sshd) || !has(self.hardening.sshd.ports) || (has(self.ssh.port) ? self.ssh.port : 22) in self.hardening.sshd.ports',
      message:
        'hardening.sshd.ports must contain ssh.port, the port that Hostler itself uses (22 when it is not stated)',
      fieldPath: '.hardening.sshd.ports',
    },
  ],
).describe('Desired state. A block that is absent is neither touched nor judged.');
export type ServerSpec = z.infer<typeof ServerSpec>;
