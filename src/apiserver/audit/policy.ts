import { z } from 'zod';
import { yaml } from '../../lib/yaml.ts';

/** How much is written of a request, each with all of the one before. */
const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof LEVELS)[number];

/** When something is written of it. ResponseStarted is for watches. */
const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof STAGES)[number];

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** A list that may be left out or empty (`resources:`), which means the same. */
const list = <T extends z.ZodType>(of: T) =>
  z
    .array(of)
    .nullish()
    .transform((items) => items ?? []);
const texts = list(z.string());
const stages = list(z.enum(STAGES));

const GroupResources = z
  .strictObject({
    group: z
      .string()
      .refine((group) => group === '' || DNS_SUBDOMAIN.test(group), 'must be the name of a group without its version')
      .default(''),
    resources: texts,
    resourceNames: texts,
  })
  .refine(({ resources, resourceNames }) => resourceNames.length === 0 || resources.length > 0, {
    path: ['resourceNames'],
    message: 'needs at least one entry in resources beside it',
  });

const NonResourceUrl = z
  .string()
  .refine((url) => url === '*' || url.startsWith('/'), 'must begin with /, or be *')
  .refine((url) => !url.slice(0, -1).includes('*'), 'may have * only as its last character');

const Rule = z
  .strictObject({
    level: z.enum(LEVELS),
    users: texts,
    userGroups: texts,
    verbs: texts,
    resources: list(GroupResources),
    namespaces: texts,
    nonResourceURLs: list(NonResourceUrl),
    omitStages: stages,
    omitManagedFields: z.boolean().nullish(),
  })
  .refine((rule) => rule.nonResourceURLs.length === 0 || rule.resources.length + rule.namespaces.length === 0, {
    path: ['nonResourceURLs'],
    message: 'cannot stand beside resources or namespaces: make two rules of it',
  });

const Policy = z.strictObject({
  apiVersion: z.literal('audit.k8s.io/v1'),
  kind: z.literal('Policy'),
  metadata: z.looseObject({}).nullish(),
  rules: z.array(Rule).min(1),
  omitStages: stages,
  omitManagedFields: z.boolean().nullish(),
});

export type AuditRule = z.infer<typeof Rule>;
/** audit.k8s.io/v1 Policy, checked. */
export type AuditPolicy = z.infer<typeof Policy>;

/**
 * The policy in a YAML or JSON text.
 * @throws Error  with every field that is wrong, what it holds and what it may hold.
 */
export function parsePolicy(text: string): AuditPolicy {
  const document = yaml().parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw new Error(`it is not YAML: ${problem.message}`);
  const value: unknown = document.toJS();
  const { success, data, error } = Policy.safeParse(value);
  if (success) return data;
  throw new Error(error.issues.map((issue) => describe(issue, value)).join('; '));
}

function describe({ path, message }: z.core.$ZodIssue, root: unknown): string {
  const at = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
  let value = root;
  for (const step of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[step];
  const shown = value === undefined || typeof value === 'object' ? '' : ` ${JSON.stringify(value)}`;
  return `${at === '' ? 'the document' : at.replace(/^\./, '')}${shown}: ${message}`;
}
