// `npm test`: makes a fresh clone ready, runs every test, ends with one line `N passed, N failed`.
// Arguments choose among the projects: `npm test -- unit integration`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countRun, sum } from './support/counts.mjs';
import { closingLine, installPackages, show } from './support/install.mjs';

const PROJECTS = ['unit', 'integration', 'e2e', 'faults'];
/** Those that boot hosts. */
const ON_HOSTS = ['e2e', 'faults'];
const VITEST = ['node_modules/vitest/vitest.mjs'];
const CONFIG = ['--config', '.config/vitest.config.ts'];
/** Exit code of `hosts prepare` where test hosts cannot run. */
const CANNOT = 3;

const reports = mkdtempSync(join(tmpdir(), 'hostler-test-'));
try {
  process.exitCode = await main(process.argv.slice(2));
} finally {
  rmSync(reports, { recursive: true, force: true });
}

async function main(chosen) {
  const unknown = chosen.filter((name) => !PROJECTS.includes(name));
  if (unknown.length > 0) {
    console.error(`Unknown test project ${unknown.join(', ')}; choose from ${PROJECTS.join(', ')}.`);
    return 2;
  }
  await installPackages();
  const projects = chosen.length > 0 ? chosen : PROJECTS;
  const skipReason = await prepareMachine();
  const counts = [];
  for (const project of projects) counts.push(await runProject(project, skipReason));
  const total = sum(counts);
  if (total.passed + total.failed === 0) console.error('No test ran.');
  console.log(closingLine(total));
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/** Installs the programs that tests need and makes the machine able to boot hosts. Returns why not, if it cannot. */
async function prepareMachine() {
  const { code, text } = await show([process.execPath, '--import', 'tsx', 'test/hosts/cli.ts', 'prepare'], {
    capture: true,
  });
  if (code === 0) return undefined;
  const reason = text.trim().split('\n').at(-1) ?? '';
  if (code !== CANNOT) throw new Error('Preparing this machine for test hosts failed; the messages are above.');
  console.log(`Tests on real hosts are skipped: ${reason}`);
  return reason;
}

async function runProject(project, skipReason) {
  console.log(`\n== ${project} tests`);
  const env = skipReason === undefined ? {} : { HOSTLER_SKIP_E2E: skipReason };
  const report = join(reports, `${project}.json`);
  if (ON_HOSTS.includes(project) && skipReason !== undefined) return countSkipped(project, report);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const argv = [process.execPath, ...VITEST, 'run', ...CONFIG, '--project', project, '--passWithNoTests', ...reporters];
  const { code } = await show(argv, { env });
  return countRun(report, code);
}

/** A project that cannot run here is counted test by test, so that a skip is never invisible. */
async function countSkipped(project, report) {
  const { code } = await show([
    process.execPath,
    ...VITEST,
    'list',
    ...CONFIG,
    '--project',
    project,
    `--json=${report}`,
  ]);
  if (code !== 0) return { passed: 0, failed: 1, skipped: 0 };
  return { passed: 0, failed: 0, skipped: JSON.parse(readFileSync(report, 'utf8')).length };
}
