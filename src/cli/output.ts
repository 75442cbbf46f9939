import { Option } from 'commander';
import type { Document } from 'yaml';
import { isPrintable, printable, printableLine } from '../lib/printable.ts';
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
  process.stdout.write(`${printable(line)}\n`);
}

/** Writes one line to standard error: progress and remarks, which scripts do not read. */
export function remark(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}

/** `value` as JSON or YAML. */
export function printData(value: unknown, format: 'json' | 'yaml'): void {
  // what is not printable stands within double quotes alone, where the escape means the character
  process.stdout.write(printable(format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : toYaml(value)));
}

/** Rows in columns, as kubectl prints them: three spaces between, no trailing ones. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [header, ...rows].map((row) => row.map(printableLine));
  const widths = header.map((_title, column) => Math.max(...lines.map((row) => (row[column] ?? '').length)));
  for (const row of lines) {
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    );
  }
}

function toYaml(value: unknown): string {
  const { Document, visit } = yaml();
  const document: Document = new Document(value);
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === 'string' && !isPrintable(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString();
}
