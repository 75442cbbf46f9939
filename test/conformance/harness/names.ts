import { isObject, normaliseMember, withSortedCauses } from './normalise.ts';

const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const UID_LENGTH = 36;
/** Of the names that a server makes; the case's own names end otherwise. */
const GENERATED = /\b([a-z0-9.-]*-)([bcdfghjklmnpqrstvwxz2456789]{5})(?![a-z0-9])/g;
/** Of an object that a command prints; no member of JSON, whose text has no quotation marks around the number. */
const REVISION_IN_TEXT = /(resourceVersion"?: ")\d+(")/g;

/**
 * Stands for what differs by nature between two servers: UIDs and revisions become numbers in the order in which this
 * case met them, so that which of them are equal is compared, and what they are is not.
 */
export class Names {
  readonly #namespace: string;
  readonly #uids = new Map<string, string>();
  readonly #revisions = new Map<string, string>();
  readonly #generated = new Map<string, string>();

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** A copy of `value` without what differs by nature. */
  normalise(value: unknown): unknown {
    this.#meet(value);
    return this.#copy(value);
  }

  /** The same for text in which they stand. */
  inText(text: string): string {
    // first: in its number a revision could be found
    let said = text.replaceAll(this.#namespace, '{ns}').replaceAll(UID, (uid) => this.#uid(uid));
    for (const [revision, stands] of this.#revisions) {
      // short ones could be any number, 64 stands in int64, and 123-abc is an example in errors about names
      if (revision.length > 1)
        said = said.replaceAll(new RegExp(`(?<![0-9a-z])${revision}(?![0-9]|-abc)`, 'g'), stands);
    }
    said = said.replaceAll(REVISION_IN_TEXT, '$1<rv>$2');
    for (const [name, stands] of this.#generated) said = said.replaceAll(name, stands);
    return said;
  }

  /** Revisions of objects, and names made for them, in the order of the answer. */
  #meet(value: unknown): void {
    if (Array.isArray(value)) value.forEach((one) => this.#meet(one));
    if (!isObject(value)) return;
    const { metadata } = value;
    if (isObject(metadata)) {
      const { uid, resourceVersion, generateName, name } = metadata;
      if (typeof uid === 'string' && uid.length === UID_LENGTH) this.#uid(uid);
      if (typeof uid === 'string' && typeof resourceVersion === 'string') this.#revision(resourceVersion);
      if (typeof generateName === 'string' && typeof name === 'string' && GENERATED.test(name)) {
        this.#generated.set(name, `${generateName}<made>`);
      }
      GENERATED.lastIndex = 0;
    }
    for (const [key, member] of Object.entries(value)) if (key !== 'metadata') this.#meet(member);
  }

  #copy(value: unknown): unknown {
    if (typeof value === 'string') return this.inText(value);
    if (Array.isArray(value)) return value.map((one) => this.#copy(one));
    if (!isObject(value)) return value;
    const isItsOwn = typeof value['uid'] === 'string';
    return Object.fromEntries(
      Object.entries(withSortedCauses(value)).map(([key, member]) => {
        if (key === 'resourceVersion' && typeof member === 'string' && member !== '') {
          return [key, isItsOwn ? this.#revision(member) : '<rv>'];
        }
        return [this.inText(key), this.#copy(normaliseMember(key, member))];
      }),
    );
  }

  #uid(uid: string): string {
    const known = this.#uids.get(uid) ?? `uid#${this.#uids.size + 1}`;
    this.#uids.set(uid, known);
    return known;
  }

  #revision(revision: string): string {
    const known = this.#revisions.get(revision) ?? `rv#${this.#revisions.size + 1}`;
    this.#revisions.set(revision, known);
    return known;
  }
}
