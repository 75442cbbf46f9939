import type { Attributes } from '../http/authorization.ts';
import type { AuditPolicy, AuditRule, Level, Stage } from './policy.ts';

/** What is to be written of one request. */
export interface AuditRequest {
  level: Level;
  omitStages: ReadonlySet<Stage>;
  omitManagedFields: boolean;
  /** Nothing of what was sent may be written, nor errors that quote it. */
  holdsSecrets: boolean;
}

type Asked = Omit<Attributes, 'user'> & { user: Attributes['user'] | undefined };

/**
 * Resources whose bodies are never written, whatever level is asked: they hold secrets, or scripts and configuration
 * in which people put some.
 */
const NO_BODIES: ReadonlySet<string> = new Set([
  '/secrets',
  '/serviceaccounts/token',
  'authentication.k8s.io/tokenreviews',
  'hostler.dev/servers',
  'hostler.dev/serveroperations',
]);

/** Decides by the first rule that matches, as kube-apiserver does; what no rule matches is not written. */
export class AuditRules {
  readonly #rules: readonly { rule: AuditRule; request: AuditRequest }[];

  constructor(policy: AuditPolicy) {
    this.#rules = policy.rules.map((rule) => ({
      rule,
      request: {
        level: rule.level,
        omitStages: new Set([...policy.omitStages, ...rule.omitStages]),
        omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields ?? false,
        holdsSecrets: false,
      },
    }));
  }

  /** Undefined = nothing. `user` is undefined where nobody could be found out. */
  find(asked: Asked): AuditRequest | undefined {
    const request = this.#rules.find(({ rule }) => matches(rule, asked))?.request;
    if (request === undefined || request.level === 'None') return undefined;
    return holdsSecrets(asked) ? { ...request, level: 'Metadata', holdsSecrets: true } : request;
  }
}

function holdsSecrets({ isResource, group, resource, subresource }: Asked): boolean {
  if (!isResource) return false;
  return NO_BODIES.has(`${group}/${resource}`) || NO_BODIES.has(`${group}/${resource}/${subresource}`);
}

/** An empty list is no condition. */
function matches(rule: AuditRule, asked: Asked): boolean {
  const { user } = asked;
  if (!allows(rule.users, user?.name)) return false;
  if (rule.userGroups.length > 0 && !user?.groups.some((group) => rule.userGroups.includes(group))) return false;
  if (!allows(rule.verbs, asked.verb)) return false;
  if (rule.namespaces.length > 0 || rule.resources.length > 0) return matchesResource(rule, asked);
  return rule.nonResourceURLs.length === 0 || matchesPath(rule, asked);
}

function allows(list: readonly string[], value: string | undefined): boolean {
  return list.length === 0 || (value !== undefined && list.includes(value));
}

function matchesPath({ nonResourceURLs }: AuditRule, { isResource, path }: Asked): boolean {
  if (isResource) return false;
  return nonResourceURLs.some((url) => url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))));
}

function matchesResource({ namespaces, resources }: AuditRule, asked: Asked): boolean {
  if (!asked.isResource || !allows(namespaces, asked.namespace)) return false;
  if (resources.length === 0) return true;
  return resources.some(
    (of) =>
      of.group === asked.group &&
      (of.resources.length === 0 ||
        (allows(of.resourceNames, asked.name) && of.resources.some((pattern) => isOf(pattern, asked)))),
  );
}

// A pattern is pods, pods/log, pods/* (pods itself, too), */scale or *.
function isOf(pattern: string, { resource, subresource }: Asked): boolean {
  if (pattern === '*' || pattern === `${resource}/*`) return true;
  if (subresource === '') return pattern === resource;
  return pattern === `${resource}/${subresource}` || pattern === `*/${subresource}`;
}
