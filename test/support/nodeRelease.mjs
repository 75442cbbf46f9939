// Releases of Node from the npm registry, kept in the cache of the tests. Plain Node without dependencies.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { show } from './install.mjs';

/** Newer than the oldest that Hostler runs on: CI tries each. */
export const NODE_RELEASES = ['22.23.3', '24.9.0'];

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hostler');

/** The npm package that carries nothing but Node's own binary. */
const NODE_PACKAGE = `node-${process.platform}-${process.arch}`;

/** Where the binary of a release is once {@link installNode} has run. */
export function nodePath(release) {
  return join(CACHE, 'node', release, 'node_modules', NODE_PACKAGE, 'bin/node');
}

/** Installs a release unless it is there. */
export async function installNode(release) {
  if (existsSync(nodePath(release))) return { code: 0 };
  return install(join(CACHE, 'node', release), `${NODE_PACKAGE}@${release}`);
}

/** Where a version of npm is once {@link installNpm} has run. */
export function npmPath(version) {
  return join(CACHE, 'npm', version, 'node_modules/npm');
}

/** Installs a version of npm unless it is there. */
export async function installNpm(version) {
  if (existsSync(npmPath(version))) return { code: 0 };
  return install(join(CACHE, 'npm', version), `npm@${version}`);
}

function install(prefix, spec) {
  return show(['npm', 'install', '--prefix', prefix, '--no-save', '--ignore-scripts', '--loglevel=error', spec]);
}
