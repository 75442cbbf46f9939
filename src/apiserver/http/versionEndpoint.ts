import type { Endpoint, Exchange } from './context.ts';
import { sendText } from './respond.ts';
import { methodNotAllowed } from './status.ts';

/** The Kubernetes version whose API this server follows; charts and tools compare it. */
const MAJOR = '1';
const MINOR = '35';

const VERSION = JSON.stringify({
  major: MAJOR,
  minor: MINOR,
  emulationMajor: MAJOR,
  emulationMinor: MINOR,
  minCompatibilityMajor: MAJOR,
  minCompatibilityMinor: MINOR,
  gitVersion: `v${MAJOR}.${MINOR}.0+hostler`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node${process.versions.node}`,
  compiler: 'v8',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
});

/** `/version`, also with a slash behind it. */
export class VersionEndpoint implements Endpoint {
  async handle(exchange: Exchange): Promise<boolean> {
    if (exchange.info.path.replace(/\/$/, '') !== '/version') return false;
    if (!['get', 'head'].includes(exchange.info.verb)) throw methodNotAllowed();
    await sendText(exchange, { code: 200, text: VERSION });
    return true;
  }
}
