/** Something that is being created: `plural.group` of its resource, and its namespace or ''. */
export interface Creation {
  resource: string;
  namespace: string;
}

/**
 * The creations under way in this process, from before it is asked whether they are allowed until the store has answered.
 * Whoever deletes everything in a namespace or of a resource must know that nothing more is to come.
 */
export class Creations {
  readonly #running = new Set<Creation>();

  /** Runs `work`, which creates. No frame of its own: that would keep the object alive until the store has written. */
  run<T>(creation: Creation, work: () => Promise<T>): Promise<T> {
    this.#running.add(creation);
    return work().finally(() => this.#running.delete(creation));
  }

  /** Tells, whenever it is asked, whether all have ended that are under way now and that `concerns` us. */
  untilNow(concerns: (creation: Creation) => boolean): () => boolean {
    const earlier = [...this.#running].filter(concerns);
    return () => !earlier.some((creation) => this.#running.has(creation));
  }
}
