/** Names that CEL keeps for itself; as properties they are written `__name__`. */
export const RESERVED: ReadonlySet<string> = new Set([
  ...['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if'],
  ...['import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while'],
]);
const WRITTEN: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};
const READ: Readonly<Record<string, string>> = { underscores: '__', dot: '.', dash: '-', slash: '/' };

/**
 * A property name as rules write it: `a.b` → `a__dot__b`; undefined when rules cannot.
 * Source: k8s.io/apiserver pkg/cel/escaping.go.
 */
export function escapeProperty(name: string): string | undefined {
  if (RESERVED.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_./-][\w./-]*$/.test(name)) return undefined;
  return name.replace(/__|[./-]/g, (part) => WRITTEN[part] ?? part);
}

/** The inverse of {@link escapeProperty}; undefined when no property is written like this. */
export function unescapeProperty(escaped: string): string | undefined {
  if (!escaped.includes('__')) return escaped;
  const whole = /^__([^_]+)__$/.exec(escaped)?.[1];
  if (whole !== undefined && RESERVED.has(whole)) return whole;
  const parts = escaped.match(/__[^_]+__/g) ?? [];
  if (!parts.every((part) => Object.hasOwn(READ, part.slice(2, -2)))) return undefined;
  return escaped.replace(/__([^_]+)__/g, (_all, inner: string) => READ[inner] ?? '');
}
