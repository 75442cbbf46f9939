const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = String.raw`${LABEL}(\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

// Written without nested quantifiers over the same characters, so that JavaScript's engine takes linear time, too.
const LABEL_TEST = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const LABEL_1035_TEST = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/;
const QUALIFIED_TEST = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

const LABEL_TEXT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const LABEL_1035_TEXT =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
const QUALIFIED_TEXT =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const LABEL_VALUE_TEXT = `a valid label must be an empty string or consist of ${QUALIFIED_TEXT.slice('must consist of '.length)}`;

/** What is wrong with `value` as a DNS label of RFC 1123; [] = fine. Every function here answers like this. */
export function checkDns1123Label(value: string): string[] {
  const errors = checkLength(value, 63);
  if (LABEL_TEST.test(value)) return errors;
  const text = isSubdomain(value)
    ? 'must not contain dots'
    : `${LABEL_TEXT} (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`;
  return [...errors, text];
}

/** As a DNS subdomain: labels separated by dots. */
export function checkDns1123Subdomain(value: string): string[] {
  const errors = checkLength(value, 253);
  if (isSubdomain(value)) return errors;
  return [...errors, `${SUBDOMAIN_TEXT} (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`];
}

/** As a DNS label that starts with a letter. */
export function checkDns1035Label(value: string): string[] {
  const errors = checkLength(value, 63);
  if (LABEL_1035_TEST.test(value)) return errors;
  return [
    ...errors,
    `${LABEL_1035_TEXT} (e.g. 'my-name',  or 'abc-123', regex used for validation is '${LABEL_1035}')`,
  ];
}

/** As a name that can be one segment of a URL. */
export function checkPathSegment(value: string, prefix = false): string[] {
  if (!prefix && (value === '.' || value === '..')) return [`may not be '${value}'`];
  return ['/', '%'].filter((char) => value.includes(char)).map((char) => `may not contain '${char}'`);
}

/** As a key of labels, annotations (in lower case) and finalizers: an optional prefix and a name. */
export function checkQualifiedName(value: string): string[] {
  const parts = value.split('/');
  const hint = `${QUALIFIED_TEXT} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`;
  if (parts.length > 2) {
    return [`a valid label key ${hint} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const name = parts.at(-1) ?? '';
  const errors = parts.length === 2 ? checkPrefix(parts[0] ?? '') : [];
  if (name === '') errors.push('name part must be non-empty');
  else if (byteLength(name) > 63) errors.push('name part must be no more than 63 bytes');
  if (!QUALIFIED_TEST.test(name)) errors.push(`name part ${hint}`);
  return errors;
}

/** As a value of a label. */
export function checkLabelValue(value: string): string[] {
  const errors = checkLength(value, 63, 'bytes');
  if (value === '' || QUALIFIED_TEST.test(value)) return errors;
  return [
    ...errors,
    `${LABEL_VALUE_TEXT} (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(${QUALIFIED})?')`,
  ];
}

/** Length in UTF-8 bytes, as Go counts. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

function checkPrefix(prefix: string): string[] {
  if (prefix === '') return ['prefix part must be non-empty'];
  return checkDns1123Subdomain(prefix).map((text) => `prefix part ${text}`);
}

function checkLength(value: string, max: number, unit = 'characters'): string[] {
  return byteLength(value) > max ? [`must be no more than ${max} ${unit}`] : [];
}

function isSubdomain(value: string): boolean {
  return value.split('.').every((label) => LABEL_TEST.test(label));
}
