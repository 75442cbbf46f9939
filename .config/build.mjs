/**
 * `npm run build`: dist/main.js and a few chunks, each loaded when it is first needed. One file for hundreds of modules
 * halves the time that the command takes to start; packages stay outside and are those of node_modules, but for
 * express, whose 90 every start of the API server needs.
 */
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { dependencies } = JSON.parse(await readFile(`${root}package.json`, 'utf8'));

await rm(`${root}dist`, { recursive: true, force: true });
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
