import type { Endpoint, Exchange } from './context.ts';
import { sendPlain } from './respond.ts';
import { methodNotAllowed } from './status.ts';

/** One thing that must be well. Throws, or returns a sentence, when it is not. */
export interface HealthCheck {
  name: string;
  /** Part of /readyz only: not ready is no reason to be restarted. */
  readyOnly?: boolean;
  check(): Promise<string | undefined> | string | undefined;
}

const ROOTS = ['healthz', 'livez', 'readyz'];

/** `/healthz`, `/livez`, `/readyz`, each as a whole, with `?verbose` and `?exclude=`, and check by check. */
export class HealthEndpoint implements Endpoint {
  readonly #checks: readonly HealthCheck[];

  constructor(checks: readonly HealthCheck[]) {
    this.#checks = checks;
  }

  async handle(exchange: Exchange): Promise<boolean> {
    const [root = '', name, ...rest] = exchange.info.path.split('/').slice(1);
    if (!ROOTS.includes(root) || rest.length > 0) return false;
    const applying = this.#checks.filter((check) => root === 'readyz' || check.readyOnly !== true);
    const wanted = name === undefined ? applying : applying.filter((check) => check.name === name);
    if (wanted.length === 0) return false;
    if (!['get', 'head'].includes(exchange.info.verb)) throw methodNotAllowed();
    await report(exchange, wanted, { root, single: name !== undefined });
    return true;
  }
}

async function report(
  exchange: Exchange,
  checks: readonly HealthCheck[],
  options: { root: string; single: boolean },
): Promise<void> {
  const { query } = exchange.info;
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  let failed = false;
  for (const check of checks) {
    if (excluded.delete(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`);
      continue;
    }
    const problem = await problemOf(check);
    failed ||= problem !== undefined;
    lines.push(problem === undefined ? `[+]${check.name} ok` : `[-]${check.name} failed: ${problem}`);
  }
  for (const unknown of excluded)
    lines.push(`warn: some health checks cannot be excluded: no matches for "${unknown}"`);
  if (failed) {
    sendPlain(exchange.response, 500, `${lines.join('\n')}\n${options.root} check failed\n`);
    return;
  }
  const verbose = query.has('verbose') && !options.single;
  sendPlain(exchange.response, 200, verbose ? `${lines.join('\n')}\n${options.root} check passed\n` : 'ok');
}

async function problemOf(check: HealthCheck): Promise<string | undefined> {
  try {
    return await check.check();
  } catch {
    // the reason stands in the log of whoever failed; this page is open to all
    return 'reason withheld';
  }
}
