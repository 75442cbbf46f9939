import type { KubeObject } from '../api/meta.ts';

/** One thing that happened to an object, for `kubectl describe`. */
export interface EventNote {
  type: 'Normal' | 'Warning';
  /** CamelCase, from api/reasons.ts or a past-tense fact such as `DockerInstalled`. */
  reason: string;
  /** At most 1024 characters are kept; redacted. */
  message: string;
}

/** Writes Kubernetes Events. Repeats are counted on one Event, floods are dropped, and nothing ever throws. */
export interface EventRecorder {
  /** Queues the Event and returns at once. */
  record(object: KubeObject, note: EventNote): void;
  /** Resolves when everything queued so far was written or given up. */
  flush(): Promise<void>;
}
