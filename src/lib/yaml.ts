import type * as Yaml from 'yaml';
import { lazily } from './lazily.ts';

/** The library for YAML; neither a start of the server nor a client that speaks JSON needs it. */
export const yaml = lazily('yaml') as () => typeof Yaml;
