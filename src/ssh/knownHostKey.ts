import type { HostKey } from '../api/knownHost.ts';

/** `SHA256:…` as ssh-keygen -l prints it. */
export declare function fingerprint(key: HostKey): string;
/** Reads `TYPE BASE64 [comment]`, one line of a .pub file. @throws TerminalError InvalidSpec */
export declare function parseHostKey(line: string): HostKey;
/** Whether both are the same key. */
export declare function sameHostKey(a: HostKey, b: HostKey): boolean;
