import { quote } from '../ssh/quote.ts';
import type { Script } from '../ssh/session.ts';

/** A script with its arguments, as the text of a file on the host: none of it shows in a process list. */
export function scriptFile({ name, text, args = [] }: Script): string {
  const words = args.map((arg, index) => quote(arg, `argument ${index + 1} of ${name}`));
  return `set -eu\nset -- ${words.join(' ')}\n${text}\n`;
}
