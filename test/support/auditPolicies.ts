import { parsePolicy } from '../../src/apiserver/audit/policy.ts';

/** One event per request, without bodies. */
export const METADATA = parsePolicy(
  '{apiVersion: audit.k8s.io/v1, kind: Policy, omitStages: [RequestReceived], rules: [{level: Metadata}]}',
);
