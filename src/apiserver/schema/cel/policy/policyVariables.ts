import type { CelType } from '../types/type.ts';
import { AUTHORIZER, RESOURCE_CHECK } from './authorizer.ts';
import { NAMESPACE, REQUEST } from './requestTypes.ts';

/** Types of what differs from policy to policy; undefined = there is no such variable. */
export interface PolicyTypes {
  /** Of `object` and `oldObject`. */
  object: CelType;
  params: CelType | undefined;
  variables: CelType | undefined;
}

const AUTHORIZERS: ReadonlyMap<string, CelType> = new Map([
  ['authorizer', AUTHORIZER],
  ['authorizer.requestResource', RESOURCE_CHECK],
]);

/** What the expressions of a policy can use, and what it is. */
export function policyVariables({ object, params, variables }: PolicyTypes): ReadonlyMap<string, CelType> {
  return new Map<string, CelType>([
    ...Object.entries({ object, oldObject: object, request: REQUEST, namespaceObject: NAMESPACE }),
    ...(params === undefined ? [] : [['params', params] as const]),
    ...(variables === undefined ? [] : [['variables', variables] as const]),
    ...AUTHORIZERS,
  ]);
}

/** As messages see it, which do not ask who may do what. */
export function withoutAuthorizer(variables: ReadonlyMap<string, CelType>): ReadonlyMap<string, CelType> {
  return new Map([...variables].filter(([name]) => !AUTHORIZERS.has(name)));
}
