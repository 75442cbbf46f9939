/**
 * `npm run build`: dist/main.js and a few chunks, each loaded when it is first needed. One file for hundreds of modules
 * halves the time that the command takes to start; packages stay outside and are those of node_modules.
 */
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url).pathname;

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
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
});
