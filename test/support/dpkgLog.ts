/**
 * Installations of a package that was installed already at that version: `docker.io 20.10.24` for each. What was cut
 * off before its end, or removed, may be installed again.
 * @param log  Lines of /var/log/dpkg.log, oldest first. Source: dpkg(1), --log.
 */
export function doubleInstallations(log: string): string[] {
  const installed = new Map<string, string>();
  const found: string[] = [];
  for (const line of log.split('\n')) {
    const [, , action, ...rest] = line.split(' ');
    if (action === 'status' && rest[0] === 'installed') installed.set(nameOf(rest[1]), rest[2] ?? '');
    if (action === 'remove' || action === 'purge') installed.delete(nameOf(rest[0]));
    if (action !== 'install' && action !== 'upgrade') continue;
    const name = nameOf(rest[0]);
    if (installed.get(name) === rest[2]) found.push(`${name} ${rest[2] ?? ''}`);
  }
  return found;
}

/** Without its architecture. */
function nameOf(text = ''): string {
  return text.split(':')[0] ?? '';
}
