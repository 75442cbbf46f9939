/** One thing that is wrong with an expression. */
export interface Issue {
  /** Index of a character of the source; undefined = the expression as a whole. */
  pos: number | undefined;
  message: string;
}

/** More would help nobody. */
const MAX_REPORTED = 100;
const MAX_SNIPPET = 16_384;

/** Refuses an expression: syntax, names or types. The message shows each place in the source, as cel-go prints it. */
export class CompileError extends Error {
  constructor(source: string, issues: readonly Issue[]) {
    super(display(source, issues));
    this.name = 'CompileError';
  }
}

function display(source: string, issues: readonly Issue[]): string {
  const lines = source.split('\n').map((line) => Array.from(line));
  const located = issues.map((issue) => ({ ...locate(lines, issue.pos), message: issue.message }));
  located.sort((a, b) => a.line - b.line || a.column - b.column);
  const shown = located.slice(0, MAX_REPORTED).map((issue) => {
    const head = `ERROR: <input>:${issue.line}:${issue.column + 1}: ${issue.message}`;
    const snippet = lines[issue.line - 1];
    return snippet === undefined || snippet.length > MAX_SNIPPET ? head : head + pointer(snippet, issue.column);
  });
  if (located.length > MAX_REPORTED) shown.push(`${located.length - MAX_REPORTED} more errors were truncated`);
  return shown.join('\n');
}

function locate(lines: readonly string[][], pos: number | undefined): { line: number; column: number } {
  if (pos === undefined) return { line: -1, column: -1 };
  let rest = pos;
  for (const [index, line] of lines.entries()) {
    if (rest <= line.length) return { line: index + 1, column: rest };
    rest -= line.length + 1;
  }
  return { line: lines.length, column: lines.at(-1)?.length ?? 0 };
}

function pointer(snippet: readonly string[], column: number): string {
  const wide = (char: string | undefined) => char !== undefined && char > '\x7f';
  const dots = snippet.slice(0, column).map((char) => (wide(char) ? '．' : '.'));
  return `\n | ${snippet.join('').replaceAll('\t', ' ')}\n | ${dots.join('')}${wide(snippet[column]) ? '＾' : '^'}`;
}
