import { readFile } from 'node:fs/promises';

/** A figure of /proc/PID/status in MB, such as VmRSS. */
export async function memoryOf(pid: number, field: string): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text);
  if (found === null) throw new Error(`the kernel does not tell ${field}`);
  return Number(found[1]) / 1024;
}

/** User and system time that a process has used, in seconds. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
