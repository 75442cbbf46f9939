import { existsSync, readFileSync } from 'node:fs';

/**
 * Counts what one vitest run reported in its JSON file. A file that could not be loaded or whose set-up failed, and a
 * run that ended badly for another reason, each count as one failure: nothing that went wrong reads as zero.
 */
export function countRun(path, exitCode) {
  if (!existsSync(path)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(readFileSync(path, 'utf8'));
  const states = report.testResults.flatMap((file) => file.assertionResults.map(({ status }) => status));
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  ).length;
  const count = (status) => states.filter((state) => state === status).length;
  const failed = count('failed') + brokenFiles;
  return {
    passed: count('passed'),
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: states.length - count('passed') - count('failed'),
  };
}

/** What did not pass in that JSON file: one line each of the test, its file and the first line of why. */
export function describeFailures(path, root) {
  if (!existsSync(path)) return ['the run ended without a report'];
  return JSON.parse(readFileSync(path, 'utf8')).testResults.flatMap((file) => {
    const name = file.name.replace(root, '');
    const failed = file.assertionResults.filter(({ status }) => status === 'failed');
    if (failed.length === 0) return file.status === 'failed' ? [`${name}: ${firstLine(file.message)}`] : [];
    return failed.map(({ fullName, failureMessages }) => `${name}: ${fullName}: ${firstLine(failureMessages?.[0])}`);
  });
}

function firstLine(message) {
  return (message ?? '').trim().split('\n', 1)[0].slice(0, 200);
}

/** Adds up counts. */
export function sum(counts) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of counts) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  return total;
}

/** Reads the closing line of an `npm test` run back; a run that printed none counts as one failure. */
export function parseClosingLine(text, exitCode) {
  const match = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(text.trimEnd().split('\n').at(-1) ?? '');
  if (match === null) return { passed: 0, failed: 1, skipped: 0 };
  const [passed, failed, skipped] = match.slice(1).map((digits) => Number(digits ?? 0));
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped };
}
