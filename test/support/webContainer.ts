import type { Host } from '../hosts/host.ts';

/** A web server in a container called `web`, published on `port` of every address of the host. */
export async function startWebContainer(host: Host, port: number): Promise<void> {
  const script = `
    mkdir -p /tmp/web/root/www
    cd /tmp/web
    apt-get download -q busybox-static
    dpkg-deb -x busybox-static_*.deb root
    echo here >root/www/index.html
    tar -C root -c . | docker import - web >/dev/null
    busybox=$(cd root && find . -type f -path "*bin/busybox")
    docker run -d --name web --restart unless-stopped -p "$1:80" web "\${busybox#.}" httpd -f -p 80 -h /www >/dev/null
  `;
  await host.run(script, { args: [String(port)] });
}
