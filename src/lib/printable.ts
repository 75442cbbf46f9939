/** Control characters but line end and tab; those that turn the direction of text; other line ends. */
const UNSAFE = /(?![\t\n])\p{Cc}|[\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/**
 * `text` as a terminal may have it: what would move its cursor, write its clipboard or show one text as another is an
 * escape such as `\u001b` instead. Much of what people read was said by a host, which may be in the wrong hands.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same for a text that has one line, so that it cannot make up others. */
export function printableLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

/** Whether {@link printable} changes it. */
export function isPrintable(text: string): boolean {
  return printable(text) === text;
}
