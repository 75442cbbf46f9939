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
export declare class Records {
  constructor(entries: ReadonlyMap<string, Entry>);
  /** Text of the record when its status is 0. */
  text(name: string): string | undefined;
  /** Non-empty lines of {@link text}. */
  lines(name: string): string[] | undefined;
  /** Exit code (`run`, `status`), or 0 present · 1 absent · 2 unreadable (`file`); undefined: never got there. */
  status(name: string): number | undefined;
  /** Text whatever the status. */
  entry(name: string): Entry | undefined;
  /** Names that begin with `prefix`, in order of appearance. */
  names(prefix: string): string[];
}
