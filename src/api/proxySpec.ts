import { z } from 'zod';
import { withRules } from './schema.ts';

/** What answers on ports 80 and 443; None declares that nothing of Hostler's does. */
export const proxyTypes = ['Traefik', 'Nginx', 'NginxProxyManager', 'None'] as const;
export type ProxyType = (typeof proxyTypes)[number];

/** `spec.proxy` of a Server. */
export const Proxy = withRules(
  z.object({
    type: z
      .enum(proxyTypes)
      .describe(
        'Traefik | Nginx | NginxProxyManager: a container that answers on ports 80 and 443. None: the container is removed, its data stays.',
      ),
    version: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/)
      .optional()
      .describe('Tag of the image. Example: 3.6. Default: Traefik 3.6, Nginx 1.28, NginxProxyManager 2.'),
    image: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[a-z0-9][a-z0-9._-]*(:[0-9]{1,5})?(\/[a-z0-9][a-z0-9._-]*)*$/)
      .optional()
      .describe(
        'Image without tag, for a mirror of your own. Example: registry.example.com/library/nginx. Default: traefik, nginx, jc21/nginx-proxy-manager.',
      ),
    network: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/)
      .optional()
      .describe('Docker network that the proxy shares with the containers it serves. Default: hostler-proxy.'),
    redirectToHTTPS: z
      .boolean()
      .optional()
      .describe(
        'Answer on port 80 with a redirect to HTTPS. NginxProxyManager decides per host itself. Default: true.',
      ),
    acme: z
      .object({
        email: z
          .string()
          .min(3)
          .max(254)
          .regex(/^[^@\s]+@[^@\s]+$/)
          .describe('Address that the certificate authority may write to. Example: ops@example.com.'),
        server: z
          .string()
          .max(500)
          .regex(/^https:\/\/[^\s]+$/)
          .optional()
          .describe(
            "Directory of the certificate authority. Default: Let's Encrypt (https://acme-v02.api.letsencrypt.org/directory).",
          ),
      })
      .optional()
      .describe('Certificates by ACME over HTTP (HTTP-01), kept in a volume. Only with type Traefik.'),
  }),
  [
    {
      rule: "!has(self.acme) || self.type == 'Traefik'",
      message:
        'acme needs type Traefik: Nginx serves the challenges of an ACME client of yours, NginxProxyManager has its own settings',
      fieldPath: '.acme',
    },
    {
      rule: "!has(self.redirectToHTTPS) || self.type == 'Traefik' || self.type == 'Nginx'",
      message: 'redirectToHTTPS needs type Traefik or Nginx: NginxProxyManager decides for each host itself',
      fieldPath: '.redirectToHTTPS',
    },
    {
      rule: "!has(self.network) || !(self.network in ['host', 'bridge', 'default', 'none'])",
      message:
        'network must be one of its own: on host the ports of the container are open to everybody, on bridge, default and none it finds no other container by name',
      fieldPath: '.network',
    },
    {
      rule: "self.type != 'None' || !(has(self.version) || has(self.image) || has(self.network))",
      message: 'version, image and network say nothing with type None',
    },
  ],
).describe('The reverse proxy. Absent: not touched and not judged.');
