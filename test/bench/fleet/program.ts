/** A script as it comes over the wire (src/ssh/script.ts), taken apart again. */
export interface Program {
  /** The nonce of both marks. */
  frame: string;
  args: string[];
  text: string;
}

const BEGIN = /^printf '\\n%s %s\\n' ([0-9a-f]{32})B /m;
const ARGS = '\nunset hostler_stat\nset --';
const TEXT_BEGIN = '\n(\nset -eu\n';
const TEXT_END = '\n) ';

/**
 * The program at the beginning of `input`, or undefined while more of it is to come; the script's own input may follow.
 * @throws Error when it is none of Hostler's.
 */
export function parseProgram(input: string): Program | undefined {
  const frame = BEGIN.exec(input)?.[1];
  if (frame === undefined) {
    if (input.length < 1000) return undefined;
    throw new Error(`no program of Hostler: ${input.slice(0, 200)}`);
  }
  const end = input.indexOf(`\nprintf '%s %s\\n' ${frame}E "$1"\nexit 0\n}\n`);
  if (end < 0) return undefined;
  const { args, next } = parseArgs(input, input.indexOf(ARGS) + ARGS.length);
  if (!input.startsWith(TEXT_BEGIN, next)) throw new Error('the arguments do not end where they should');
  return { frame, args, text: input.slice(next + TEXT_BEGIN.length, input.lastIndexOf(TEXT_END, end)) };
}

/** Undoes src/ssh/quote.ts: words in single quotes, a quote within as `'\''`. */
function parseArgs(input: string, from: number): { args: string[]; next: number } {
  const args: string[] = [];
  let at = from;
  while (input.startsWith(" '", at)) {
    let arg = '';
    for (at += 2; ; at += 3) {
      const close = input.indexOf("'", at);
      arg += input.slice(at, close);
      at = close + 1;
      if (!input.startsWith(`\\''`, at)) break;
      arg += "'";
    }
    args.push(arg);
  }
  return { args, next: at };
}
