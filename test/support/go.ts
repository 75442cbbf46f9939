import { spawn } from 'node:child_process';

/**
 * Runs go(1) in the module at `directory`, with `input` on its standard input. Returns what it prints.
 * @throws Error when it fails; one with code ENOENT when there is no Go.
 */
export async function go(directory: string, args: readonly string[], input = ''): Promise<string> {
  // -mod=readonly: go.sum says what may be built; local: a test does not install another Go
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local', GOWORK: 'off' };
  const child = spawn('go', args, { cwd: directory, env, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(input);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject).once('close', (status) => resolve(status ?? 128));
  });
  if (code !== 0) throw new Error(`go ${args.join(' ')} ended with ${code}`);
  return output;
}

/** The release of Go that the text of a go.mod asks for, such as 1.25.0. */
export function goVersionOf(mod: string): string {
  const found = /^go (\S+)/m.exec(mod)?.[1];
  if (found === undefined) throw new Error('the go.mod does not say which Go it needs');
  return found;
}

/** What stands against building with Go `least` or newer, such as `there is no Go`; undefined = nothing. */
export async function missingGo(directory: string, least: string): Promise<string | undefined> {
  const found = await installedGo(directory);
  if (found === undefined) return 'there is no Go';
  return isAtLeast(found, least) ? undefined : `this is Go ${found}`;
}

async function installedGo(directory: string): Promise<string | undefined> {
  try {
    return /go(\d+\.\d+(?:\.\d+)?)/.exec(await go(directory, ['version']))?.[1];
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAtLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0, leastPatch = 0] = least.split('.').map(Number);
  return major !== leastMajor ? major > leastMajor : minor !== leastMinor ? minor > leastMinor : patch >= leastPatch;
}
