import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';

const load = createRequire(import.meta.url);
let loaded: typeof Yaml | undefined;

/**
 * The library for YAML, loaded when it is first needed: that takes longer than most commands, and neither a start of
 * the server nor a client that speaks JSON needs it.
 */
export function yaml(): typeof Yaml {
  return (loaded ??= load('yaml') as typeof Yaml);
}
