import { createRequire } from 'node:module';

const load: (name: string) => unknown = createRequire(import.meta.url);

/** The package `name`, loaded when it is first asked for: some take longer than most commands, which do without them. */
export function lazily(name: string): () => unknown {
  let loaded: unknown;
  return () => (loaded ??= load(name));
}
