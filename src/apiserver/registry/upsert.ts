import { ApiError } from '../http/status.ts';
import type { Written } from './call.ts';

/** Creations and deletions by others that a request goes round before its client may try itself. */
const MAX_TRIES = 20;

/** An object as a write left it, and whether it is new. */
export interface Upserted {
  written: Written;
  created: boolean;
}

/** Updates what is there, or creates it, whatever others create and delete meanwhile. */
export async function upsert(update: () => Promise<Written>, create: () => Promise<Written>): Promise<Upserted> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { written: await update(), created: false };
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
    try {
      return { written: await create(), created: true };
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists') || attempt >= MAX_TRIES) throw error;
    }
  }
}

function hasReason(error: unknown, reason: string): boolean {
  return error instanceof ApiError && error.status.reason === reason;
}
