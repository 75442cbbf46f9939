/** What both servers write of the members of one group, so that other tests do not fill the log. */
export const AUDIT_POLICY = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: []
rules:
  - level: None
    userGroups: [audited]
    verbs: [get]
    resources: [{ group: '', resources: [configmaps], resourceNames: [silent] }]
  - level: Request
    userGroups: [audited]
    namespaces: [audit-request]
  - level: RequestResponse
    userGroups: [audited]
    namespaces: [audit-answer]
    omitStages: [RequestReceived]
  - level: RequestResponse
    userGroups: [audited]
    resources: [{ group: '', resources: ['*'] }]
    namespaces: [audit-unmanaged]
    omitManagedFields: true
  - level: None
    userGroups: [audited]
    nonResourceURLs: ['/livez*']
  - level: Metadata
    userGroups: [audited]
  - level: Metadata
    resources: [{ group: '', resources: [configmaps], resourceNames: [unauthenticated] }]
`;
