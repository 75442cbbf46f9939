import type { z } from 'zod';

/** One column of `kubectl get`; priority 1 shows with `-o wide` only. */
interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  jsonPath: string;
  priority?: 0 | 1;
}

/** What makes a kind: names, schema of spec and status, columns. The CRD is generated from it. */
export interface KindDefinition {
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  description: string;
  /** An object with members `spec` and `status`. */
  schema: z.ZodObject;
  printerColumns: readonly PrinterColumn[];
  /**
   * Status of an object that no controller has seen. Without one, kstatus (Flux, Helm) takes it for done: it would say so
   * of a fresh object, and for ever where no controller runs.
   */
  unseen?: object;
}
