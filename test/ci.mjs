// `npm run ci`: every gate, then the tests as the README names them, then a smoke run on newer releases of Node.
// Ends with one line `N passed, N failed`, in which a gate counts like a test.
import { delimiter, dirname } from 'node:path';
import { parseClosingLine, sum } from './support/counts.mjs';
import { FAILURE, closingLine, installPackages, show } from './support/install.mjs';
import { NODE_RELEASES, installNode, nodePath } from './support/nodeRelease.mjs';

const GATES = ['verify', 'typecheck', 'lint', 'layers', 'knip', 'build'];

await installPackages();
const results = [];
for (const name of GATES) results.push(await gate(name, () => show(['npm', 'run', '--silent', name])));
const { counts, failures } = await tests();
results.push({ name: 'npm test', counts });
for (const release of NODE_RELEASES) results.push(...(await smoke(release)));

console.log('\n== Summary');
for (const { name, counts } of results) console.log(`${counts.failed === 0 ? 'ok    ' : 'FAILED'} ${name}`);
for (const line of failures) console.log(line);
const total = sum(results.map(({ counts }) => counts));
console.log(closingLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;

async function gate(name, run) {
  console.log(`\n== ${name}`);
  const started = performance.now();
  const { code } = await run();
  console.log(`-- ${name}: ${code === 0 ? 'ok' : `FAILED with exit code ${code}`} in ${seconds(started)} s`);
  return { name, counts: { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 } };
}

async function tests() {
  console.log('\n== npm test');
  const { code, text } = await show(['npm', 'test'], { capture: true });
  const failures = text.split('\n').filter((line) => line.startsWith(FAILURE));
  return { counts: parseClosingLine(text, code), failures };
}

/** The package's `engines` promise, kept: the unit tests and the built command on another release of Node. */
async function smoke(release) {
  const node = nodePath(release);
  const installed = await gate(`Node ${release} from npm`, () => installNode(release));
  if (installed.counts.failed > 0) return [installed];
  const env = { PATH: [dirname(node), process.env.PATH].join(delimiter) };
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', '.config/vitest.config.ts', '--project', 'unit'];
  return [
    installed,
    await gate(`unit tests on Node ${release}`, () => show([node, ...vitest, '--reporter=dot'], { env })),
    await gate(`hostler version on Node ${release}`, () => show([node, 'dist/main.js', 'version'], { env })),
  ];
}

function seconds(started) {
  return ((performance.now() - started) / 1000).toFixed(1);
}
