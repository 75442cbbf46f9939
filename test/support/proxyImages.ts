import type { Host } from '../hosts/host.ts';

const PORT = 5000;

/** What {@link serveProxyImages} offers, by tag of `IMAGE`. */
export const tags = {
  /** nginx of Debian's packages. */
  good: '1.22',
  /** The same under another tag. */
  newer: '1.23',
  /** Its configuration is tried well, but it never listens. */
  mute: 'mute',
  /** Has no nginx. */
  broken: 'broken',
} as const;

/**
 * Makes `host` (with Docker) a registry that offers a real nginx, built from Debian's packages, and images that fail in
 * two ways.
 * @returns the image without tag, as other hosts pull it: `10.0.0.2:5000/nginx`.
 */
export async function serveProxyImages(host: Host): Promise<string> {
  const image = `${host.address}:${PORT}/nginx`;
  await host.run(
    `
    printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nginx-light docker-registry busybox-static
    rm /usr/sbin/policy-rc.d
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/docker-registry}}\nhttp: {addr: ":%s"}\n' "$3" >/etc/docker/registry/config.yml
    systemctl restart docker-registry
    mkdir -p /srv/image
    cd /srv/image
    mkdir -p bin etc/nginx run tmp var/cache/nginx var/lib/nginx var/log/nginx var/www usr/sbin usr/share/nginx dev
    cp /usr/bin/busybox bin/busybox
    ln -s busybox bin/sh
    cp /etc/passwd /etc/group etc/
    cp /etc/nginx/mime.types etc/nginx/
    cp /usr/sbin/nginx usr/sbin/
    for library in $(ldd /usr/sbin/nginx | grep -o '/[^ ]*'); do
      mkdir -p ".$(dirname "$library")"
      cp -L "$library" ".$library"
    done
    pack() { tar -c . | docker import --change 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin' --change 'CMD ["nginx"]' - "$1:$2"; docker push -q "$1:$2"; }
    pack "$1" ${tags.good}
    docker tag "$1:${tags.good}" "$1:${tags.newer}"
    docker push -q "$1:${tags.newer}"
    rm usr/sbin/nginx
    pack "$1" ${tags.broken}
    printf '#!/bin/sh\\ncase "$*" in *-t*) exit 0 ;; esac\\necho "waiting for nothing"\\nexec /bin/busybox sleep 100000\\n' >usr/sbin/nginx
    chmod 755 usr/sbin/nginx
    pack "$1" ${tags.mute}
    # what answers on port 80 and 443 in the place of another type: Traefik takes \`version\`, and flags
    printf '#!/bin/sh\\nif [ "$1" = version ]; then echo "Version: stand-in"; exit 0; fi\\nmkdir -p /tmp/www\\necho "$*" >/tmp/www/index.html\\nexec /bin/busybox httpd -f -p 80 -h /tmp/www\\n' >bin/entry
    chmod 755 bin/entry
    tar -c . | docker import --change 'ENTRYPOINT ["/bin/sh", "/bin/entry"]' - "$2:stand-in"
    docker push -q "$2:stand-in"
    `,
    { args: [`127.0.0.1:${PORT}/nginx`, `127.0.0.1:${PORT}/traefik`, String(PORT)] },
  );
  return image;
}
