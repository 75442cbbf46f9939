import { isIP } from 'node:net';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  type ControllerOptions,
  type ListenAddress,
  listenAddress,
  withControllerOptions,
} from './controllerOptions.ts';
import { type AuditFlags, withAuditOptions } from './auditOptions.ts';
import { type EtcdFlags, withEtcdOptions } from './etcdOptions.ts';
import { type OidcFlags, withOidcOptions } from './oidcOptions.ts';

/** What `hostler serve` is told. */
export interface ServeOptions extends ControllerOptions, EtcdFlags, OidcFlags, AuditFlags {
  dataDir: string;
  listen: ListenAddress;
  tlsSan: string[];
  kubeconfigOut?: string;
  controllers: boolean;
  tokenAuthFile?: string;
}

/** `hostler serve` */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description('run a whole control plane: Kubernetes-compatible API server, store and controllers')
    .option('--data-dir <dir>', 'where everything is kept', './.hostler')
    .addOption(
      new Option('--listen <address:port>', 'where the API listens (TLS)')
        .argParser(listenAddress)
        .default({ host: '127.0.0.1', port: 7443 }, '127.0.0.1:7443'),
    )
    .option(
      '--tls-san <name>',
      'DNS name or address that clients use beside those of this machine, for the certificate; may be repeated',
      alternativeName,
      [],
    )
    .option('--kubeconfig-out <file>', 'also write the admin kubeconfig here')
    .option('--token-auth-file <file>', 'static bearer tokens, one per line: token,user,uid,"group1,group2"')
    .option('--no-controllers', 'API server only');
  return withControllerOptions(withEtcdOptions(withAuditOptions(withOidcOptions(command))))
    .addHelpText(
      'after',
      `
Examples:
  hostler serve
  hostler serve --data-dir /var/lib/hostler-control --listen 0.0.0.0:7443 --tls-san control.example.com
  hostler serve --etcd-endpoints https://10.0.0.1:2379,https://10.0.0.2:2379 --etcd-cafile ca.pem \\
    --etcd-certfile client.pem --etcd-keyfile client.key --etcd-prefix /hostler
  hostler serve --oidc-issuer-url https://login.example.com --oidc-client-id hostler \\
    --oidc-username-claim email --oidc-groups-claim groups --oidc-groups-prefix oidc:
  hostler serve --audit-policy-file audit-policy.yaml --audit-log-path /var/log/hostler/audit.log
  KUBECONFIG=.hostler/kubeconfig kubectl get servers -A -w`,
    )
    .action(async (options: ServeOptions) => {
      // the API server is loaded by this command only: the others start faster
      const { serve } = await import('./serve.ts');
      await serve(options);
    });
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const DNS_NAME = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`, 'i');

function alternativeName(text: string, names: readonly string[]): string[] {
  if (text.length > 253 || (isIP(text) === 0 && !DNS_NAME.test(text)))
    throw new InvalidArgumentError(`"${text}" is not a DNS name or an IP address.`);
  return [...names, text];
}
