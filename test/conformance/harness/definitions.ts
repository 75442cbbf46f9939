import type { Json } from './step.ts';

export const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
/** The least schema. */
export const OBJECT = { type: 'object' };

/** A definition whose group belongs to the case. */
export function definition(
  change: { spec?: object; names?: object; version?: object; schema?: unknown; name?: string } = {},
): Json {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: change.name ?? 'things.{ns}.example.com' },
    spec: {
      group: '{ns}.example.com',
      scope: 'Namespaced',
      names: { plural: 'things', kind: 'Thing', ...change.names },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: 'schema' in change ? change.schema : OBJECT },
          ...change.version,
        },
      ],
      ...change.spec,
    },
  };
}

/** The schema of an object whose spec has `properties`. */
export const spec = (properties: object): object => ({
  type: 'object',
  properties: { spec: { type: 'object', properties } },
});
/** Where objects of {@link definition} are served. */
export const THING = '/apis/{ns}.example.com/v1/namespaces/{ns}/things';
export const served = ({ code }: { code: number }): boolean => code === 200;
/** An object of {@link definition}. */
export const thing = (rest: object): object => ({
  apiVersion: '{ns}.example.com/v1',
  kind: 'Thing',
  metadata: { name: 'a' },
  ...rest,
});
/** {@link definition} itself. */
export const ONE = `${CRDS}/things.{ns}.example.com`;
export const established = ({ body }: { body: unknown }): boolean =>
  (body as { status?: { conditions?: { type: string; status: string }[] } }).status?.conditions?.some(
    (one) => one.type === 'Established' && one.status === 'True',
  ) === true;
