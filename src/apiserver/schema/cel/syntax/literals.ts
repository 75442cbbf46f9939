const SIMPLE: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
  ...{ '"': '"', "'": "'", '\\': '\\', '?': '?', '`': '`' },
};
const ESCAPES = /\\(?:[0-3][0-7]{2}|[xX][\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[^])/gu;

/** The text that a string literal such as `'a\n'` or `r"\d"` stands for; an Error when an escape is no character. */
export function unquote(literal: string): string | Error {
  const { body, raw } = strip(literal);
  return raw ? body : unescape(body);
}

/** The bytes that a literal such as `b'a\\xff'` stands for. */
export function unquoteBytes(literal: string): Uint8Array | Error {
  const { body, raw } = strip(literal.slice(1));
  if (raw) return Buffer.from(body);
  if ((body.match(ESCAPES) ?? []).some((escape) => /^.[uU]/.test(escape)))
    return new Error('unable to unescape string');
  const parts = pieces(body).map((piece) => {
    const code = codeOf(piece);
    return code === undefined ? Buffer.from(plain(piece)) : Buffer.from([code]);
  });
  return Buffer.concat(parts);
}

function strip(literal: string): { body: string; raw: boolean } {
  const raw = /^[rR]/.test(literal);
  const quoted = (raw ? literal.slice(1) : literal).replace(/\r\n?/g, '\n');
  const width = /^("""|''')/.test(quoted) && quoted.length >= 6 ? 3 : 1;
  return { body: quoted.slice(width, -width), raw };
}

function unescape(body: string): string | Error {
  const codes = pieces(body).map((piece) => codeOf(piece) ?? plain(piece));
  if (codes.some((code) => typeof code === 'number' && (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))))
    return new Error('invalid unicode code point');
  return codes.map((code) => (typeof code === 'number' ? String.fromCodePoint(code) : code)).join('');
}

/** `body` cut before and behind every escape. */
function pieces(body: string): string[] {
  const escapes = body.match(ESCAPES) ?? [];
  return body.split(ESCAPES).flatMap((text, index) => [text, escapes[index] ?? '']);
}

/** The number of a numeric escape. */
function codeOf(piece: string): number | undefined {
  if (/^\\[0-3]/.test(piece)) return parseInt(piece.slice(1), 8);
  return /^\\[xXuU]/.test(piece) ? parseInt(piece.slice(2), 16) : undefined;
}

function plain(piece: string): string {
  return piece.startsWith('\\') ? (SIMPLE[piece[1] ?? ''] ?? '') : piece;
}

/** The value of `12` or `0x1f`, with its sign; undefined beyond 64 bits. */
export function parseInt64(text: string): bigint | undefined {
  const negative = text.startsWith('-');
  const magnitude = BigInt(negative ? text.slice(1) : text);
  const value = negative ? -magnitude : magnitude;
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

/** The value of `12u` or `0x1fu`; undefined beyond 64 bits. */
export function parseUint64(text: string): bigint | undefined {
  const value = BigInt(text.slice(0, -1));
  return BigInt.asUintN(64, value) === value ? value : undefined;
}
