import { Option } from 'commander';
import { yaml } from '../lib/yaml.ts';

export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml';

/** `-o json|yaml|wide`. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'output format')
    .choices(['table', 'wide', 'json', 'yaml'])
    .default('table');
}

/** Writes one line to standard output. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Writes one line to standard error: progress and remarks, which scripts do not read. */
export function remark(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `value` as JSON or YAML. */
export function printData(value: unknown, format: 'json' | 'yaml'): void {
  process.stdout.write(format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : yaml().stringify(value));
}

/** Rows in columns, as kubectl prints them: three spaces between, no trailing ones. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  for (const row of [header, ...rows]) {
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    );
  }
}
