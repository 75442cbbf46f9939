import { CelList } from './list.ts';
import { CelMap } from './map.ts';
import { Opaque, Optional, type Value } from './value.ts';

/** In code points. */
export function textSize(text: string): number {
  let size = text.length;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 0xd800 && code < 0xdc00) size--;
  }
  return size;
}

/** What `value` counts as when the cost of a call is computed: characters, bytes, items; 1 for all that has no size. */
export function costSize(value: Value): number {
  if (typeof value === 'string') return textSize(value);
  if (typeof value !== 'object' || value === null) return 1;
  if (value instanceof CelList || value instanceof CelMap || value instanceof Opaque) return value.size;
  if (value instanceof Uint8Array) return value.length;
  return value instanceof Optional && value.value !== undefined ? costSize(value.value) : 1;
}
