import { createHash } from 'node:crypto';
import { CONFIG_ROOT } from './definition.ts';
import type { WantedContainer } from './want.ts';

/** The file that Hostler owns; sites and certificates beside it are people's own. */
export const NGINX_CONF = `${CONFIG_ROOT}/nginx/nginx.conf`;

/**
 * The configuration around the sites: answers unknown hosts, serves ACME challenges, and redirects to HTTPS. A host
 * without a certificate is refused in the TLS handshake, so no certificate has to exist.
 */
export function nginxConf({ redirectToHTTPS }: Pick<WantedContainer, 'redirectToHTTPS'>): string {
  const unknownHost = redirectToHTTPS ? 'return 308 https://$host$request_uri;' : 'return 404;';
  return `# Hostler writes this file: changes to it do not last.
# Sites: ${CONFIG_ROOT}/nginx/sites/*.conf, certificates: ${CONFIG_ROOT}/nginx/certificates
# (seen by nginx as /etc/nginx/hostler/sites and /etc/nginx/hostler/certificates). After a change of yours:
#   docker exec hostler-proxy nginx -c /etc/nginx/hostler/nginx.conf -s reload
worker_processes auto;
pid /run/nginx.pid;
error_log stderr warn;

events {
  worker_connections 1024;
}

http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log /dev/stdout;
  server_tokens off;
  client_max_body_size 0;
  proxy_http_version 1.1;
  # names of containers on the proxy's network, asked again since containers come and go
  resolver 127.0.0.11 valid=10s;
  map $http_upgrade $connection_upgrade {
    default upgrade;
    '' close;
  }

  server {
    listen 80 default_server;
    location ^~ /.well-known/acme-challenge/ {
      root /var/www/acme-challenge;
    }
    location / {
      ${unknownHost}
    }
  }

  server {
    listen 443 ssl default_server;
    ssl_reject_handshake on;
  }

  include /etc/nginx/hostler/sites/*.conf;
}
`;
}

/** SHA-256 of the file that is wanted, as sha256sum(1) prints it. */
export function nginxDigest(want: WantedContainer): string {
  return createHash('sha256').update(nginxConf(want)).digest('hex');
}
