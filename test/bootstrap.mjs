// `npm test`: makes a fresh clone ready, runs every test, ends with one line `N passed, N failed`.
// Arguments choose among the projects: `npm test -- unit integration`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countRun, describeFailures, sum } from './support/counts.mjs';
import { FAILURE, ROOT, closingLine, installPackages, show } from './support/install.mjs';

const PROJECTS = ['unit', 'integration', 'conformance', 'e2e', 'operator', 'faults'];
/** Those that boot hosts. */
const ON_HOSTS = ['e2e', 'operator', 'faults'];
/** Those that need a real kube-apiserver. */
const ON_KUBERNETES = ['conformance', 'operator'];
/** Those of which some tests need one; by `HOSTLER_SKIP_KUBERNETES`, which says why, they skip or do without. */
const PARTLY_ON_KUBERNETES = ['e2e', 'faults'];
const VITEST = ['node_modules/vitest/vitest.mjs'];
const CONFIG = ['--config', '.config/vitest.config.ts'];
/** Exit code of both preparations where such tests cannot run. */
const CANNOT = 3;

/** Repeated at the end, where they are found: a run prints thousands of lines. */
const failures = [];
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
  const noHosts = await prepareMachine();
  const withKubernetes = [...ON_KUBERNETES, ...PARTLY_ON_KUBERNETES];
  const noKubernetes = projects.some((name) => withKubernetes.includes(name)) ? await prepareKubernetes() : undefined;
  const counts = [];
  for (const project of projects) counts.push(await runProject(project, { noHosts, noKubernetes }));
  const total = sum(counts);
  if (total.passed + total.failed === 0) console.error('No test ran.');
  for (const line of failures) console.log(line);
  console.log(closingLine(total));
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/** Installs the programs that tests need and makes the machine able to boot hosts. Returns why not, if it cannot. */
async function prepareMachine() {
  return prepare(['test/hosts/cli.ts', 'prepare'], 'Tests on real hosts');
}

/** Builds a real kube-apiserver unless there is one. Returns why not, if it cannot. */
async function prepareKubernetes() {
  return prepare(['test/tools/kubernetes/prepare.ts'], 'Tests beside a real kube-apiserver');
}

async function prepare(command, what) {
  const { code, text } = await show([process.execPath, '--import', 'tsx', ...command], { capture: true });
  if (code === 0) return undefined;
  const reason = text.trim().split('\n').at(-1) ?? '';
  if (code !== CANNOT) throw new Error(`${what} could not be prepared; the messages are above.`);
  console.log(`${what} are skipped: ${reason}`);
  return reason;
}

async function runProject(project, { noHosts, noKubernetes }) {
  console.log(`\n== ${project} tests`);
  const env = { HOSTLER_SKIP_E2E: noHosts, HOSTLER_SKIP_KUBERNETES: noKubernetes };
  const report = join(reports, `${project}.json`);
  if (ON_HOSTS.includes(project) && noHosts !== undefined) return countSkipped(project, report);
  if (ON_KUBERNETES.includes(project) && noKubernetes !== undefined) return withoutKubernetes(project, report);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const argv = [process.execPath, ...VITEST, 'run', ...CONFIG, '--project', project, '--passWithNoTests', ...reporters];
  const { code } = await show(argv, { env });
  const counts = countRun(report, code);
  if (counts.failed > 0) failures.push(...explain(report).map((line) => `${FAILURE}${project}: ${line}`));
  return counts;
}

/** Why a run failed; one without a failed test ended by an error outside of every test, which it printed above. */
function explain(report) {
  const lines = describeFailures(report, ROOT);
  return lines.length > 0 ? lines : ['an error outside of the tests; it is printed above'];
}

/** Continuous integration must not stay green because Go is missing there. */
async function withoutKubernetes(project, report) {
  if (process.env.CI !== 'true') return countSkipped(project, report);
  console.error(`CI=true: the ${project} tests must run, so that this counts as a failure.`);
  return { passed: 0, failed: 1, skipped: 0 };
}

/** A project that cannot run here is counted test by test, so that a skip is never invisible. */
async function countSkipped(project, report) {
  const argv = [process.execPath, ...VITEST, 'list', ...CONFIG, '--project', project, `--json=${report}`];
  const { code } = await show(argv, { env: { HOSTLER_LIST_ONLY: 'true' } });
  if (code !== 0) return { passed: 0, failed: 1, skipped: 0 };
  return { passed: 0, failed: 0, skipped: JSON.parse(readFileSync(report, 'utf8')).length };
}
