import type { MeasuredApi } from './apiFigures.ts';
import { ServerProcess } from './serverProcess.ts';

/** A running `hostler serve --no-controllers`, to be measured. */
export function measuredServer(name: string, server: ServerProcess): MeasuredApi {
  return {
    name,
    connection: server.connection,
    memory: (field) => server.memory(field),
    cpuSeconds: () => server.cpuSeconds(),
    restart: async () => {
      await server.stop();
      return server.start();
    },
  };
}

/** One start of `hostler serve --no-controllers` on a new data directory. */
export async function freshStart(): Promise<{ startMs: number; cpuSeconds: number }> {
  const fresh = await ServerProcess.create();
  try {
    return { startMs: await fresh.start(), cpuSeconds: await fresh.cpuSeconds() };
  } finally {
    await fresh.remove();
  }
}
