import { parseFieldSelector } from '../selectors/fields.ts';
import { SelectorError } from '../selectors/selectorError.ts';
import type { User } from './authentication.ts';
import { forbidden, forbiddenPath, type ApiError } from './status.ts';
import type { RequestInfo } from './requestInfo.ts';

/** What somebody wants to do. `isResource` decides which of the two halves counts. */
export type Attributes = Pick<
  RequestInfo,
  'isResource' | 'path' | 'verb' | 'group' | 'version' | 'namespace' | 'resource' | 'subresource' | 'name'
> & { user: User };

/** An authorizer's answer; `reason` is shown to the client. */
export interface Decision {
  allowed: boolean;
  reason: string;
}

/** What a user may do, as SelfSubjectRulesReview lists it. */
export interface RuleList {
  resourceRules: { verbs: string[]; apiGroups: string[]; resources: string[]; resourceNames?: string[] }[];
  nonResourceRules: { verbs: string[]; nonResourceURLs: string[] }[];
  /** Why there may be more than is listed. */
  evaluationError?: string;
}

/** Decides who may do what. */
export interface Authorizer {
  authorize(attributes: Attributes): Promise<Decision>;
  /** Everything `user` may do in `namespace`. */
  rules(user: User, namespace: string): Promise<RuleList>;
}

const NAME_FIELD = 'metadata.name';

/** Health checks and the version; what roles say of them is another matter. */
const OPEN = ['/healthz', '/livez', '/readyz', '/version'];

/** True for health checks and the version. */
export function isOpen(info: Pick<RequestInfo, 'isResource' | 'path'>): boolean {
  if (info.isResource) return false;
  return OPEN.some((path) => info.path === path || (path !== '/version' && info.path.startsWith(`${path}/`)));
}

/** What a request wants to do. A list or watch of the one object that a field selector names is about that object. */
export function attributesOf(info: RequestInfo, user: User): Attributes {
  const attributes = { ...info, user };
  if (info.name === '' && (info.verb === 'list' || info.verb === 'watch')) {
    attributes.name = selectedName(info.query.get('fieldSelector') ?? '');
  }
  return attributes;
}

/** The one name that a selector leaves, whatever else it demands; '' = several, or one that no path could have. */
function selectedName(selector: string): string {
  if (!selector.includes(NAME_FIELD)) return '';
  try {
    const name = parseFieldSelector(selector).requiresExactly(NAME_FIELD) ?? '';
    return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name;
  } catch (error) {
    // who may do it at all is told what is wrong with it
    if (error instanceof SelectorError) return '';
    throw error;
  }
}

/** The 403 for a refusal, worded as Kubernetes does. */
export function refusal(attributes: Attributes, decision: Decision): ApiError {
  const { user, verb, path, group, resource, subresource, namespace, name } = attributes;
  const who = JSON.stringify(user.name);
  const why = decision.reason === '' ? '' : `: ${decision.reason}`;
  if (!attributes.isResource) return forbiddenPath(`forbidden: User ${who} cannot ${verb} path "${path}"${why}`);
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  return forbidden(
    { group, resource, name },
    `User ${who} cannot ${verb} resource "${what}" in API group "${group}" ${where}${why}`,
  );
}
