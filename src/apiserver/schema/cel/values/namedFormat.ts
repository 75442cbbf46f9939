import { structOf } from '../types/type.ts';
import { noSuchOverload } from './overload.ts';
import { Opaque, type Value } from './value.ts';

export const FORMAT = structOf('kubernetes.NamedFormat');

/** A format that texts can be checked against. */
export class NamedFormat extends Opaque {
  readonly type = FORMAT;
  readonly name: string;
  /** Length of a pattern that would do the same: what a check costs. */
  readonly patternSize: number;
  /** What is wrong with a text. */
  readonly problems: (text: string) => readonly string[];

  constructor(name: string, patternSize: number, problems: (text: string) => readonly string[]) {
    super();
    this.name = name;
    this.patternSize = patternSize;
    this.problems = problems;
  }

  equals(other: Value): boolean {
    if (!(other instanceof NamedFormat)) throw noSuchOverload();
    return this.name === other.name;
  }
}
