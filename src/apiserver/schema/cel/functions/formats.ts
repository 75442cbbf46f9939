import { formatCheck } from '../../formats.ts';
import {
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkLabelValue,
  checkQualifiedName,
} from '../../names.ts';
import * as types from '../types/type.ts';
import { ArrayList } from '../values/list.ts';
import { FORMAT, NamedFormat } from '../values/namedFormat.ts';
import { requestUriProblem } from '../values/url.ts';
import { Optional } from '../values/value.ts';
import * as is from './declare.ts';
import { func, instance, method, type Library, type Overload } from './declare.ts';

/** A prefix that a name is generated from may end in a dash. */
const prefix = (check: (text: string) => string[]) => (text: string) =>
  check(text.endsWith('-') && text.length > 1 ? `${text.slice(0, -1)}a` : text);

function known(name: string, problem: string): (text: string) => string[] {
  return (text) => (formatCheck(name)?.(text) === true ? [] : [problem]);
}

function uri(text: string): string[] {
  const problem = requestUriProblem(text);
  return problem === undefined ? [] : [problem];
}

/** Sizes as k8s.io/apiserver states them. */
const FORMATS: Readonly<Record<string, NamedFormat>> = {
  dns1123Label: new NamedFormat('DNS1123Label', 30, checkDns1123Label),
  dns1123Subdomain: new NamedFormat('DNS1123Subdomain', 60, checkDns1123Subdomain),
  dns1035Label: new NamedFormat('DNS1035Label', 30, checkDns1035Label),
  qualifiedName: new NamedFormat('QualifiedName', 60, checkQualifiedName),
  dns1123LabelPrefix: new NamedFormat('DNS1123LabelPrefix', 30, prefix(checkDns1123Label)),
  dns1123SubdomainPrefix: new NamedFormat('DNS1123SubdomainPrefix', 60, prefix(checkDns1123Subdomain)),
  dns1035LabelPrefix: new NamedFormat('DNS1035LabelPrefix', 30, prefix(checkDns1035Label)),
  labelValue: new NamedFormat('LabelValue', 40, checkLabelValue),
  uri: new NamedFormat('URI', 1103, uri),
  uuid: new NamedFormat('uuid', 70, known('uuid', 'does not match the UUID format')),
  byte: new NamedFormat('byte', 84, known('byte', 'invalid base64')),
  date: new NamedFormat('date', 71, known('date', 'invalid date')),
  datetime: new NamedFormat('datetime', 71, known('datetime', 'invalid datetime')),
};

function validate(format: NamedFormat, text: string): Optional {
  const problems = format.problems(text);
  return problems.length === 0 ? Optional.none : new Optional(new ArrayList(problems));
}

function named(name: string): Optional {
  return Object.hasOwn(FORMATS, name) ? new Optional(FORMATS[name]) : Optional.none;
}

const constants: Record<string, readonly Overload[]> = Object.fromEntries(
  Object.entries(FORMATS).map(([name, format]) => [
    `format.${name}`,
    [func(`format.${name}`, [], FORMAT, () => format)],
  ]),
);

/** Kubernetes' named formats. */
export const formats: Library = {
  ...constants,
  'format.named': [func('format-named', [is.STRING], types.optionalOf(FORMAT), named)],
  validate: [
    method(
      'format-validate',
      [instance(FORMAT, NamedFormat), is.STRING],
      types.optionalOf(types.listOf(types.STRING)),
      validate,
    ),
  ],
};
