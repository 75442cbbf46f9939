import * as types from '../types/type.ts';
import { parseLooseSemver, parseSemver, Semver, SEMVER } from '../values/semver.ts';
import * as is from './declare.ts';
import { func, instance, method, type Library, type Overload } from './declare.ts';
import { succeeds } from './succeeds.ts';

const semver = instance(SEMVER, Semver);

const parserOf = (loose: boolean) => (loose ? parseLooseSemver : parseSemver);
const part = (id: string, index: 0 | 1 | 2): Overload[] => [
  method(id, [semver], types.INT, ({ numbers }: Semver) => BigInt.asIntN(64, numbers[index])),
];

/** Kubernetes' semantic versions. */
export const semvers: Library = {
  semver: [
    func('string_to_semver', [is.STRING], SEMVER, parseSemver),
    func('string_bool_to_semver', [is.STRING, is.BOOL], SEMVER, (text: string, loose: boolean) =>
      parserOf(loose)(text),
    ),
  ],
  isSemver: [
    func('is_semver_string', [is.STRING], types.BOOL, (text: string) => succeeds(() => parseSemver(text))),
    func('is_semver_string_bool', [is.STRING, is.BOOL], types.BOOL, (text: string, loose: boolean) =>
      succeeds(() => parserOf(loose)(text)),
    ),
  ],
  isGreaterThan: [
    method('semver_is_greater_than', [semver, semver], types.BOOL, (a: Semver, b: Semver) => a.compareTo(b) > 0),
  ],
  isLessThan: [
    method('semver_is_less_than', [semver, semver], types.BOOL, (a: Semver, b: Semver) => a.compareTo(b) < 0),
  ],
  compareTo: [
    method('semver_compare_to', [semver, semver], types.INT, (a: Semver, b: Semver) => BigInt(a.compareTo(b))),
  ],
  major: part('semver_major', 0),
  minor: part('semver_minor', 1),
  patch: part('semver_patch', 2),
};
