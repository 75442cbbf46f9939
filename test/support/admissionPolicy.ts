/** A ValidatingAdmissionPolicy about writes of ConfigMaps; `spec` says what it demands, or another match. */
export function configMapPolicy(name: string, spec: object): { metadata: { name: string }; spec: object } {
  return {
    metadata: { name },
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE', 'DELETE'],
            resources: ['configmaps'],
          },
        ],
      },
      ...spec,
    },
  };
}
