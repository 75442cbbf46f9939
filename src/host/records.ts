import { TransientError } from '../lib/errors.ts';

/** Bytes of one record that are looked at; the host cuts there too. */
const MAX_RECORD_BYTES = 65_536;
const HEADER = /^(\d{1,3})\.([a-z0-9_.-]{1,128}) (\d{1,3}) (\d{1,7})$/;

/** One framed answer of the observe script. */
export interface Entry {
  /** Exit code of the command that printed it; 0 for values and readable files. For `file`: 1 absent, 2 unreadable. */
  status: number;
  /** Without the trailing newlines. */
  text: string;
}

/**
 * What one fact fragment printed, by record name. Hostile input: anything may be missing.
 * Asking for a record that is not there, or whose command failed, gives undefined, never an empty value.
 */
export class Records {
  readonly #entries: ReadonlyMap<string, Entry>;

  constructor(entries: ReadonlyMap<string, Entry>) {
    this.#entries = entries;
  }

  /** Text of the record when its status is 0. */
  text(name: string): string | undefined {
    const entry = this.#entries.get(name);
    return entry?.status === 0 ? entry.text : undefined;
  }

  /** Non-empty lines of {@link text}. */
  lines(name: string): string[] | undefined {
    return this.text(name)
      ?.split('\n')
      .map((line) => line.trimEnd())
      .filter((line) => line !== '');
  }

  /** Exit code (`run`, `status`), or 0 present · 1 absent · 2 unreadable (`file`); undefined: never got there. */
  status(name: string): number | undefined {
    return this.#entries.get(name)?.status;
  }

  /** Text whatever the status. */
  entry(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** Names that begin with `prefix`, in order of appearance. */
  names(prefix: string): string[] {
    return [...this.#entries.keys()].filter((name) => name.startsWith(prefix));
  }
}

/**
 * Shell functions that print records. Expects `$hostler_nonce`; `$hostler_scope` is the number of the fragment.
 * `hostler_finish` closes the answer. One record: newline, nonce, ` SCOPE.NAME STATUS LENGTH`, newline, LENGTH bytes. The nonce is unguessable, so no
 * content can pass for a header. LC_ALL=C makes `${#v}` count bytes.
 */
export const recordsPrelude = `LC_ALL=C
export LC_ALL
hostler_emit() {
  if [ "\${#3}" -gt ${MAX_RECORD_BYTES} ]; then
    set -- "$1" "$2" "$(printf '%s' "$3" | head -c ${MAX_RECORD_BYTES})"
  fi
  printf '\\n%s %s.%s %s %s\\n%s' "$hostler_nonce" "$hostler_scope" "$1" "$2" "\${#3}" "$3"
}
hostler_finish() { printf '\\n%s end\\n' "$hostler_nonce"; }
put() { hostler_emit "$1" 0 "$2"; }
rec() { hostler_emit "$1" 0 "$(head -c ${MAX_RECORD_BYTES})"; }
run() {
  hostler_name=$1
  shift
  if hostler_value=$("$@" 2>/dev/null </dev/null); then hostler_status=0; else hostler_status=$?; fi
  hostler_emit "$hostler_name" "$hostler_status" "$hostler_value"
}
status() {
  hostler_name=$1
  shift
  if "$@" >/dev/null 2>&1 </dev/null; then hostler_status=0; else hostler_status=$?; fi
  hostler_emit "$hostler_name" "$hostler_status" ''
}
file() {
  if [ -f "$2" ] && [ -r "$2" ]; then
    hostler_value=
    while IFS= read -r hostler_line || [ -n "$hostler_line" ]; do
      hostler_value="$hostler_value$hostler_line
"
      [ "\${#hostler_value}" -le ${MAX_RECORD_BYTES} ] || break
    done <"$2"
    hostler_emit "$1" 0 "\${hostler_value%?}"
    return 0
  fi
  if [ -e "$2" ] || [ -L "$2" ]; then
    hostler_emit "$1" 2 ''
    return 0
  fi
  # Absent only if the nearest directory that exists may be searched; else the file may well be there.
  hostler_dir=\${2%/*}
  while [ -n "$hostler_dir" ] && [ ! -e "$hostler_dir" ]; do hostler_dir=\${hostler_dir%/*}; done
  if [ -x "\${hostler_dir:-/}" ]; then hostler_emit "$1" 1 ''; else hostler_emit "$1" 2 ''; fi
}
`;

/**
 * Reads what {@link recordsPrelude} printed, by scope. Whatever stands before the first record (login noise) is
 * skipped; of a record that appears twice the first counts.
 * @throws TransientError ObservationFailed  when a frame is broken: the output was cut or tampered with.
 */
export function parseRecords(output: string, nonce: string): ReadonlyMap<number, Records> {
  const end = output.indexOf(`\n${nonce} end\n`);
  if (end < 0) throw broken('its end is missing');
  const scopes = new Map<number, Map<string, Entry>>();
  const frames = output.slice(0, end).split(`\n${nonce} `).slice(1);
  for (const frame of frames) {
    const { scope, name, entry } = parseFrame(frame);
    const entries = scopes.get(scope) ?? new Map<string, Entry>();
    if (!entries.has(name)) entries.set(name, entry);
    scopes.set(scope, entries);
  }
  return new Map([...scopes].map(([scope, entries]) => [scope, new Records(entries)]));
}

function parseFrame(frame: string): { scope: number; name: string; entry: Entry } {
  const end = frame.indexOf('\n');
  const header = HEADER.exec(end < 0 ? frame : frame.slice(0, end));
  const [, scope, name, status, length] = header ?? [];
  if (scope === undefined || name === undefined || status === undefined || length === undefined) {
    throw broken('a record without a proper header');
  }
  const text = end < 0 ? '' : frame.slice(end + 1);
  // Bytes that are no UTF-8 arrive as U+FFFD and change the length; the nonce still bounds the record.
  if (Buffer.byteLength(text) !== Number(length) && !text.includes('\uFFFD')) {
    throw broken(`record ${name} has ${Buffer.byteLength(text)} bytes instead of ${length}`);
  }
  return { scope: Number(scope), name, entry: { status: Number(status), text: text.replace(/\n+$/, '') } };
}

function broken(what: string): TransientError {
  return new TransientError('ObservationFailed', `The host's answer is damaged: ${what}.`, {
    remedy: 'Hostler looks again; if it stays so, look for programs that write into SSH sessions of this user.',
  });
}
