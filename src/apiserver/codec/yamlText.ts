import { yaml } from '../../lib/yaml.ts';
import type { JsonValue } from './json.ts';

/** As Go's libraries write it, and so that they read it: to YAML 1.1 a plain `y` or `2026-01-01` is no string. */
const YAML_OF_GO = {
  version: '1.1',
  aliasDuplicateObjects: false,
  sortMapEntries: true,
  indentSeq: false,
  lineWidth: 0,
} as const;

/** `value` as YAML, ended by a line end. */
export function yamlText(value: JsonValue): string {
  return yaml().stringify(value, YAML_OF_GO);
}
