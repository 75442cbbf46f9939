/** How the tests of one or more runs ended. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}
export function countRun(path: string, exitCode: number): Counts;
export function describeFailures(path: string, root: string): string[];
export function sum(counts: Counts[]): Counts;
export function parseClosingLine(text: string, exitCode: number): Counts;
