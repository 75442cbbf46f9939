import type { Json } from '../task.ts';

/** A change's parameter as the text that a script gets; what is none, which no diff makes, is empty. */
export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** A change's parameter as the texts that a script gets. */
export function listOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
