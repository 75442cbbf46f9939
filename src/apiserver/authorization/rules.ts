import type { JsonObject, JsonValue } from '../codec/json.ts';
import type { Attributes } from '../http/authorization.ts';
import { listAt, textsAt } from '../registry/object.ts';
import { goQuote } from '../schema/goText.ts';

/** rbac/v1 PolicyRule: a rule is about resources or about paths, never about both. */
export interface PolicyRule {
  verbs: readonly string[];
  apiGroups: readonly string[];
  resources: readonly string[];
  /** Empty = all names. */
  resourceNames: readonly string[];
  nonResourceURLs: readonly string[];
}

/** A rule without any word, to be filled in. */
export const NO_RULE: PolicyRule = { verbs: [], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: [] };

/** Stands for everything: of verbs, groups, resources and paths. */
const ALL = '*';

/** The rules of a Role or ClusterRole. */
export function rulesOf(role: JsonObject): PolicyRule[] {
  return listAt(role, 'rules').map((rule) => ({
    verbs: textsAt(rule, 'verbs'),
    apiGroups: textsAt(rule, 'apiGroups'),
    resources: textsAt(rule, 'resources'),
    resourceNames: textsAt(rule, 'resourceNames'),
    nonResourceURLs: textsAt(rule, 'nonResourceURLs'),
  }));
}

/** A rule as it is written in a role: without what is empty. */
export function ruleToJson(rule: PolicyRule): JsonObject {
  return Object.fromEntries(
    Object.entries(rule)
      .filter(([, values]: [string, readonly string[]]) => values.length > 0)
      .map(([key, values]: [string, readonly string[]]): [string, JsonValue] => [key, [...values]]),
  );
}

/** Whether `rule` allows the request. */
export function ruleAllows(rule: PolicyRule, request: Attributes): boolean {
  if (!hasOrAll(rule.verbs, request.verb)) return false;
  if (!request.isResource) return rule.nonResourceURLs.some((url) => pathMatches(url, request.path));
  return (
    hasOrAll(rule.apiGroups, request.group) &&
    rule.resources.some((resource) => resourceMatches(resource, request)) &&
    (rule.resourceNames.length === 0 || rule.resourceNames.includes(request.name))
  );
}

function hasOrAll(values: readonly string[], value: string): boolean {
  return values.includes(value) || values.includes(ALL);
}

/** `*` is every resource with every subresource; `*`+`/scale` is that subresource of every resource. */
function resourceMatches(rule: string, { resource, subresource }: Attributes): boolean {
  if (rule === ALL) return true;
  if (subresource === '') return rule === resource;
  return rule === `${resource}/${subresource}` || rule === `*/${subresource}`;
}

/** A trailing `*` stands for whatever follows. */
function pathMatches(rule: string, path: string): boolean {
  if (rule === ALL || rule === path) return true;
  return rule.endsWith(ALL) && path.startsWith(rule.replace(/\*+$/, ''));
}

/** The parts of `wanted` that `owned` does not allow; each has one verb, group, resource and name, or one path. */
export function uncovered(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(atoms).filter((atom) => !owned.some((rule) => covers(rule, atom)));
}

function atoms(rule: PolicyRule): PolicyRule[] {
  const { nonResourceURLs, resourceNames, apiGroups, resources } = rule;
  const names = resourceNames.length === 0 ? [[]] : resourceNames.map((name) => [name]);
  return rule.verbs.flatMap((verb) => [
    ...apiGroups.flatMap((apiGroup) =>
      resources.flatMap((resource) =>
        names.map((resourceName) => ({
          ...NO_RULE,
          ...ofResource(apiGroup, resource),
          resourceNames: resourceName,
          verbs: [verb],
        })),
      ),
    ),
    ...nonResourceURLs.map((url) => ({ ...NO_RULE, nonResourceURLs: [url], verbs: [verb] })),
  ]);
}

function ofResource(apiGroup: string, resource: string): Pick<PolicyRule, 'apiGroups' | 'resources'> {
  return { apiGroups: [apiGroup], resources: [resource] };
}

function covers(owned: PolicyRule, atom: PolicyRule): boolean {
  return (
    coversAll(owned.verbs, atom.verbs) &&
    coversAll(owned.apiGroups, atom.apiGroups) &&
    atom.resources.every((resource) => coversResource(owned.resources, resource)) &&
    coversNames(owned.resourceNames, atom.resourceNames) &&
    atom.nonResourceURLs.every((path) => owned.nonResourceURLs.some((url) => pathMatches(url, path)))
  );
}

function coversAll(owned: readonly string[], wanted: readonly string[]): boolean {
  return owned.includes(ALL) || wanted.every((one) => owned.includes(one));
}

function coversResource(owned: readonly string[], wanted: string): boolean {
  if (owned.includes(ALL) || owned.includes(wanted)) return true;
  const slash = wanted.indexOf('/');
  return slash >= 0 && owned.includes(`*${wanted.slice(slash)}`);
}

function coversNames(owned: readonly string[], wanted: readonly string[]): boolean {
  if (owned.length === 0) return true;
  return wanted.length > 0 && wanted.every((name) => owned.includes(name));
}

/** Rules about the same resource and name as one rule with all verbs; the others as they are. */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const result: PolicyRule[] = [];
  const bySubject = new Map<string, PolicyRule & { verbs: string[] }>();
  for (const rule of rules) {
    const { verbs, ...subject } = rule;
    if (rule.nonResourceURLs.length > 0) {
      result.push(rule);
      continue;
    }
    const key = JSON.stringify(subject);
    const known = bySubject.get(key);
    if (known !== undefined) {
      known.verbs.push(...verbs.filter((verb) => !known.verbs.includes(verb)));
      continue;
    }
    const made = { ...rule, verbs: [...verbs] };
    bySubject.set(key, made);
    result.push(made);
  }
  return result;
}

const SHOWN: readonly (readonly [keyof PolicyRule, string])[] = [
  ['apiGroups', 'APIGroups'],
  ['resources', 'Resources'],
  ['nonResourceURLs', 'NonResourceURLs'],
  ['resourceNames', 'ResourceNames'],
  ['verbs', 'Verbs'],
];

/** A rule on one line, as Kubernetes shows it: `{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`. */
export function ruleText(rule: PolicyRule): string {
  const parts = SHOWN.filter(([key]) => rule[key].length > 0).map(
    ([key, title]) => `${title}:${quotedList(rule[key])}`,
  );
  return `{${parts.join(', ')}}`;
}

/** Texts as Go prints a list of strings: `["a" "b"]`. */
export function quotedList(values: readonly string[]): string {
  return `[${values.map(goQuote).join(' ')}]`;
}
