/**
 * `npm run build`: dist/main.js and a few chunks, each loaded when it is first needed. One file for hundreds of modules
 * halves the time that the command takes to start; packages stay outside and are those of node_modules, but for
 * express, whose 90 every start of the API server needs.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { dependencies } = JSON.parse(await readFile(`${root}package.json`, 'utf8'));

/** More than what a build takes. */
const BUILD_MS = 60_000;
const dist = join(root, 'dist');
const before = await timeOf(join(dist, 'main.js'));
await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  bundle: true,
  splitting: true,
  external: Object.keys(dependencies).filter((name) => name !== 'express'),
  // packages in CommonJS ask for modules of Node
  banner: {
    js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);",
  },
  sourcemap: true,
  logLevel: 'warning',
});
await removeOlderThan(before - BUILD_MS);

/** Milliseconds since the epoch; now for a file that is not there. */
async function timeOf(path) {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => Date.now(),
  );
}

/** What the build before this one made stays: a server that runs may not have loaded all of it yet. */
async function removeOlderThan(time) {
  for (const name of await readdir(dist)) {
    const path = join(dist, name);
    if ((await timeOf(path)) < time) await rm(path, { recursive: true });
  }
}
