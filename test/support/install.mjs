// Plain Node without dependencies: these helpers run before `npm ci` has.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What a line begins with that repeats a failed test at the end of a run. */
export const FAILURE = 'FAILED ';

/** Runs a program with its output shown; resolves with the exit code, 128 for a signal, 127 when it cannot start. */
export function show(argv, { env = {}, capture = false, stdin = 'ignore' } = {}) {
  const [program, ...args] = argv;
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: [stdin, capture ? 'pipe' : 'inherit', 'inherit'],
  });
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += chunk;
    process.stdout.write(chunk);
  });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`${program}: ${error.message}`);
      resolve({ code: 127, text });
    });
    child.on('close', (code) => resolve({ code: code ?? 128, text }));
  });
}

/** Says at once what is wrong where Node is too old, instead of failing somewhere deep in a tool. */
function requireNode() {
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).engines.node.replace('>=', '');
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor] = wanted.split('.').map(Number);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  throw new Error(`Hostler needs Node ${wanted} or newer; this is Node ${process.versions.node}.`);
}

/** Installs the locked npm packages unless exactly these are installed already; says what it does. */
export async function installPackages() {
  requireNode();
  const missing = notInstalled();
  if (missing.length === 0) return;
  console.log(
    `Installing npm packages by "npm ci" (${missing.length} missing or of another version, such as ${missing[0]})`,
  );
  const { code } = await withSignsOfLife(() => show(['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error']));
  if (code !== 0) throw new Error(`"npm ci" failed with exit code ${code}; its messages are above.`);
}

/** Says every 10 seconds that something silent goes on. */
async function withSignsOfLife(work) {
  const began = performance.now();
  const timer = setInterval(() => console.log(`  … ${Math.round((performance.now() - began) / 1000)}s`), 10_000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** Packages of package-lock.json that node_modules does not have in that version, but for those that may be absent. */
function notInstalled() {
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const path = join(ROOT, 'node_modules/.package-lock.json');
  const installed = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {};
  return Object.entries(wanted)
    .filter(([name, entry]) => name !== '' && !entry.optional && !entry.devOptional && !entry.peer)
    .filter(([name, entry]) => installed[name]?.version !== entry.version)
    .map(([name]) => name.replace(/^node_modules\//, ''));
}

/** The closing line of a run: `N passed, N failed`, with `, N skipped` only where something was. */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
