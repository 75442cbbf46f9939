/**
 * The wire form of the built-in kinds that clients send as protobuf: `Message: number field type, …`.
 *
 * Types: a scalar (`string`, `bytes`, `bool`, `int32`, `int64`, `double`), `Time`, `MicroTime`, `FieldsV1`, `JSON`, `Empty`,
 * `map:<type>`, or another message; `[]` = repeated, `?` = a pointer in Go, or one that its JSON never leaves out, so
 * that a zero that was sent is kept.
 * Source: generated.proto and types.go of k8s.io/api, k8s.io/apimachinery and k8s.io/apiextensions-apiserver v0.35.
 */
const MESSAGES = `
OwnerReference: 5 apiVersion string, 1 kind string, 3 name string, 4 uid string, 6 controller bool?, 7 blockOwnerDeletion bool?
ManagedFieldsEntry: 1 manager string, 2 operation string, 3 apiVersion string, 4 time Time, 6 fieldsType string, 7 fieldsV1 FieldsV1, 8 subresource string
ObjectMeta: 1 name string, 2 generateName string, 3 namespace string, 4 selfLink string, 5 uid string, 6 resourceVersion string, 7 generation int64, 8 creationTimestamp Time, 9 deletionTimestamp Time, 10 deletionGracePeriodSeconds int64?, 11 labels map:string, 12 annotations map:string, 13 ownerReferences OwnerReference[], 14 finalizers string[], 17 managedFields ManagedFieldsEntry[]
NamespaceSpec: 1 finalizers string[]
NamespaceCondition: 1 type string, 2 status string, 4 lastTransitionTime Time, 5 reason string, 6 message string
NamespaceStatus: 1 phase string, 2 conditions NamespaceCondition[]
Namespace: 1 metadata ObjectMeta, 2 spec NamespaceSpec, 3 status NamespaceStatus
Secret: 1 metadata ObjectMeta, 5 immutable bool?, 2 data map:bytes, 4 stringData map:string, 3 type string
Service: 1 metadata ObjectMeta
ConfigMap: 1 metadata ObjectMeta, 4 immutable bool?, 2 data map:string, 3 binaryData map:bytes
ObjectReference: 1 kind string, 2 namespace string, 3 name string, 4 uid string, 5 apiVersion string, 6 resourceVersion string, 7 fieldPath string
LocalObjectReference: 1 name string
ServiceAccount: 1 metadata ObjectMeta, 2 secrets ObjectReference[], 3 imagePullSecrets LocalObjectReference[], 4 automountServiceAccountToken bool?
EventSource: 1 component string, 2 host string
EventSeries: 1 count int32, 2 lastObservedTime MicroTime
Event: 1 metadata ObjectMeta, 2 involvedObject ObjectReference, 3 reason string, 4 message string, 5 source EventSource, 6 firstTimestamp Time, 7 lastTimestamp Time, 8 count int32, 9 type string, 10 eventTime MicroTime, 11 series EventSeries, 12 action string, 13 related ObjectReference, 14 reportingComponent string, 15 reportingInstance string
EventsV1EventSeries: 1 count int32, 2 lastObservedTime MicroTime
EventsV1Event: 1 metadata ObjectMeta, 2 eventTime MicroTime, 3 series EventsV1EventSeries, 4 reportingController string, 5 reportingInstance string, 6 action string, 7 reason string, 8 regarding ObjectReference, 9 related ObjectReference, 10 note string, 11 type string, 12 deprecatedSource EventSource, 13 deprecatedFirstTimestamp Time, 14 deprecatedLastTimestamp Time, 15 deprecatedCount int32
LeaseSpec: 1 holderIdentity string?, 2 leaseDurationSeconds int32?, 3 acquireTime MicroTime, 4 renewTime MicroTime, 5 leaseTransitions int32?, 6 strategy string?, 7 preferredHolder string?
Lease: 1 metadata ObjectMeta, 2 spec LeaseSpec
PolicyRule: 1 verbs string[], 2 apiGroups string[], 3 resources string[], 4 resourceNames string[], 5 nonResourceURLs string[]
Role: 1 metadata ObjectMeta, 2 rules PolicyRule[]
LabelSelectorRequirement: 1 key string, 2 operator string, 3 values string[]
LabelSelector: 1 matchLabels map:string, 2 matchExpressions LabelSelectorRequirement[]
AggregationRule: 1 clusterRoleSelectors LabelSelector[]
ClusterRole: 1 metadata ObjectMeta, 2 rules PolicyRule[], 3 aggregationRule AggregationRule
Subject: 1 kind string, 2 apiGroup string, 3 name string, 4 namespace string
RoleRef: 1 apiGroup string, 2 kind string, 3 name string
RoleBinding: 1 metadata ObjectMeta, 2 subjects Subject[], 3 roleRef RoleRef
ClusterRoleBinding: 1 metadata ObjectMeta, 2 subjects Subject[], 3 roleRef RoleRef
UserInfo: 1 username string, 2 uid string, 3 groups string[], 4 extra map:ExtraValue
SelfSubjectReviewStatus: 1 userInfo UserInfo
SelfSubjectReview: 1 metadata ObjectMeta, 2 status SelfSubjectReviewStatus
BoundObjectReference: 1 kind string, 2 apiVersion string, 3 name string, 4 uid string
TokenRequestSpec: 1 audiences string[], 4 expirationSeconds int64?, 3 boundObjectRef BoundObjectReference
TokenRequestStatus: 1 token string, 2 expirationTimestamp Time
TokenRequest: 1 metadata ObjectMeta, 2 spec TokenRequestSpec, 3 status TokenRequestStatus
TokenReviewSpec: 1 token string, 2 audiences string[]
TokenReviewStatus: 1 authenticated bool, 2 user UserInfo, 4 audiences string[], 3 error string
TokenReview: 1 metadata ObjectMeta, 2 spec TokenReviewSpec, 3 status TokenReviewStatus
FieldSelectorRequirement: 1 key string, 2 operator string, 3 values string[]
FieldSelectorAttributes: 1 rawSelector string, 2 requirements FieldSelectorRequirement[]
LabelSelectorAttributes: 1 rawSelector string, 2 requirements LabelSelectorRequirement[]
ResourceAttributes: 1 namespace string, 2 verb string, 3 group string, 4 version string, 5 resource string, 6 subresource string, 7 name string, 8 fieldSelector FieldSelectorAttributes, 9 labelSelector LabelSelectorAttributes
NonResourceAttributes: 1 path string, 2 verb string
SelfSubjectAccessReviewSpec: 1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes NonResourceAttributes
SubjectAccessReviewStatus: 1 allowed bool, 4 denied bool, 2 reason string, 3 evaluationError string
SelfSubjectAccessReview: 1 metadata ObjectMeta, 2 spec SelfSubjectAccessReviewSpec, 3 status SubjectAccessReviewStatus
SelfSubjectRulesReviewSpec: 1 namespace string
ResourceRule: 1 verbs string[], 2 apiGroups string[], 3 resources string[], 4 resourceNames string[]
NonResourceRule: 1 verbs string[], 2 nonResourceURLs string[]
SubjectRulesReviewStatus: 1 resourceRules ResourceRule[], 2 nonResourceRules NonResourceRule[], 3 incomplete bool, 4 evaluationError string
SelfSubjectRulesReview: 1 metadata ObjectMeta, 2 spec SelfSubjectRulesReviewSpec, 3 status SubjectRulesReviewStatus
SubjectAccessReviewSpec: 1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes NonResourceAttributes, 3 user string, 4 groups string[], 5 extra map:ExtraValue, 6 uid string
SubjectAccessReview: 1 metadata ObjectMeta, 2 spec SubjectAccessReviewSpec, 3 status SubjectAccessReviewStatus
LocalSubjectAccessReview: 1 metadata ObjectMeta, 2 spec SubjectAccessReviewSpec, 3 status SubjectAccessReviewStatus
ScaleSpec: 1 replicas int32
ScaleStatus: 1 replicas int32, 2 selector string
Scale: 1 metadata ObjectMeta, 2 spec ScaleSpec, 3 status ScaleStatus
Preconditions: 1 uid string?, 2 resourceVersion string?
DeleteOptions: 1 gracePeriodSeconds int64?, 2 preconditions Preconditions, 3 orphanDependents bool?, 4 propagationPolicy string?, 5 dryRun string[], 6 ignoreStoreReadErrorWithClusterBreakingPotential bool?
MatchCondition: 1 name string, 2 expression string
Rule: 1 apiGroups string[], 2 apiVersions string[], 3 resources string[], 4 scope string?
RuleWithOperations: 1 operations string[], 2 rule Rule
NamedRuleWithOperations: 1 resourceNames string[], 2 ruleWithOperations RuleWithOperations
MatchResources: 1 namespaceSelector LabelSelector, 2 objectSelector LabelSelector, 3 resourceRules NamedRuleWithOperations[], 4 excludeResourceRules NamedRuleWithOperations[], 7 matchPolicy string?
ParamKind: 1 apiVersion string, 2 kind string
ParamRef: 1 name string, 2 namespace string, 3 selector LabelSelector, 4 parameterNotFoundAction string?
Validation: 1 expression string?, 2 message string, 3 reason string?, 4 messageExpression string
AuditAnnotation: 1 key string?, 2 valueExpression string?
Variable: 1 name string?, 2 expression string?
ExpressionWarning: 2 fieldRef string?, 3 warning string?
TypeChecking: 1 expressionWarnings ExpressionWarning[]
Condition: 1 type string, 2 status string, 3 observedGeneration int64, 4 lastTransitionTime Time, 5 reason string, 6 message string?
ValidatingAdmissionPolicySpec: 1 paramKind ParamKind, 2 matchConstraints MatchResources, 3 validations Validation[], 4 failurePolicy string?, 5 auditAnnotations AuditAnnotation[], 6 matchConditions MatchCondition[], 7 variables Variable[]
ValidatingAdmissionPolicyStatus: 1 observedGeneration int64, 2 typeChecking TypeChecking, 3 conditions Condition[]
ValidatingAdmissionPolicy: 1 metadata ObjectMeta, 2 spec ValidatingAdmissionPolicySpec, 3 status ValidatingAdmissionPolicyStatus
ValidatingAdmissionPolicyBindingSpec: 1 policyName string, 2 paramRef ParamRef, 3 matchResources MatchResources, 4 validationActions string[]
ValidatingAdmissionPolicyBinding: 1 metadata ObjectMeta, 2 spec ValidatingAdmissionPolicyBindingSpec
ExternalDocumentation: 1 description string, 2 url string
ValidationRule: 1 rule string?, 2 message string, 3 messageExpression string, 4 reason string?, 5 fieldPath string, 6 optionalOldSelf bool?
JSONSchemaPropsOrArray: 1 schema JSONSchemaProps, 2 list JSONSchemaProps[]
JSONSchemaPropsOrBool: 1 allows bool?, 2 schema JSONSchemaProps
JSONSchemaPropsOrStringArray: 1 schema JSONSchemaProps, 2 list string[]
JSONSchemaProps: 1 id string, 2 $schema string, 3 $ref string?, 4 description string, 5 type string, 6 format string, 7 title string, 8 default JSON?, 9 maximum double?, 10 exclusiveMaximum bool, 11 minimum double?, 12 exclusiveMinimum bool, 13 maxLength int64?, 14 minLength int64?, 15 pattern string, 16 maxItems int64?, 17 minItems int64?, 18 uniqueItems bool, 19 multipleOf double?, 20 enum JSON[], 21 maxProperties int64?, 22 minProperties int64?, 23 required string[], 24 items JSONSchemaPropsOrArray, 25 allOf JSONSchemaProps[], 26 oneOf JSONSchemaProps[], 27 anyOf JSONSchemaProps[], 28 not JSONSchemaProps, 29 properties map:JSONSchemaProps, 30 additionalProperties JSONSchemaPropsOrBool?, 31 patternProperties map:JSONSchemaProps, 32 dependencies map:JSONSchemaPropsOrStringArray, 33 additionalItems JSONSchemaPropsOrBool?, 34 definitions map:JSONSchemaProps, 35 externalDocs ExternalDocumentation, 36 example JSON?, 37 nullable bool, 38 x-kubernetes-preserve-unknown-fields bool?, 39 x-kubernetes-embedded-resource bool, 40 x-kubernetes-int-or-string bool, 41 x-kubernetes-list-map-keys string[], 42 x-kubernetes-list-type string?, 43 x-kubernetes-map-type string?, 44 x-kubernetes-validations ValidationRule[]
CustomResourceValidation: 1 openAPIV3Schema JSONSchemaProps
CustomResourceSubresourceScale: 1 specReplicasPath string?, 2 statusReplicasPath string?, 3 labelSelectorPath string?
CustomResourceSubresources: 1 status Empty, 2 scale CustomResourceSubresourceScale
CustomResourceColumnDefinition: 1 name string?, 2 type string?, 3 format string, 4 description string, 5 priority int32, 6 jsonPath string?
SelectableField: 1 jsonPath string?
CustomResourceDefinitionVersion: 1 name string?, 2 served bool?, 3 storage bool?, 4 schema CustomResourceValidation, 5 subresources CustomResourceSubresources, 6 additionalPrinterColumns CustomResourceColumnDefinition[], 7 deprecated bool, 8 deprecationWarning string?, 9 selectableFields SelectableField[]
CustomResourceDefinitionNames: 1 plural string?, 2 singular string, 3 shortNames string[], 4 kind string?, 5 listKind string, 6 categories string[]
ServiceReference: 1 namespace string?, 2 name string?, 3 path string?, 4 port int32?
WebhookClientConfig: 1 service ServiceReference, 2 caBundle bytes, 3 url string?
WebhookConversion: 2 clientConfig WebhookClientConfig, 3 conversionReviewVersions string[]
CustomResourceConversion: 1 strategy string?, 2 webhook WebhookConversion
CustomResourceDefinitionSpec: 1 group string?, 3 names CustomResourceDefinitionNames, 4 scope string?, 7 versions CustomResourceDefinitionVersion[], 9 conversion CustomResourceConversion, 10 preserveUnknownFields bool
CustomResourceDefinitionCondition: 1 type string?, 2 status string?, 3 lastTransitionTime Time, 4 reason string, 5 message string, 6 observedGeneration int64
CustomResourceDefinitionStatus: 1 conditions CustomResourceDefinitionCondition[], 2 acceptedNames CustomResourceDefinitionNames, 3 storedVersions string[], 4 observedGeneration int64
CustomResourceDefinition: 1 metadata ObjectMeta, 2 spec CustomResourceDefinitionSpec, 3 status CustomResourceDefinitionStatus
ListMeta: 1 selfLink string, 2 resourceVersion string, 3 continue string, 4 remainingItemCount int64?
StatusCause: 1 reason string, 2 message string, 3 field string
StatusDetails: 1 name string, 2 group string, 3 kind string, 6 uid string, 4 causes StatusCause[], 5 retryAfterSeconds int32
Status: 1 metadata ListMeta, 2 status string, 3 message string, 4 reason string, 5 details StatusDetails, 6 code int32
PartialObjectMetadata: 1 metadata ObjectMeta
`;

/** One field of a message. */
export interface ProtobufField {
  name: string;
  type: string;
  repeated: boolean;
  /** Keep a zero value: the field is optional in Go. */
  pointer: boolean;
  /** Type of the values when the field is a map. */
  mapOf: string | undefined;
}

/** A message: its fields by number. */
export type ProtobufMessage = ReadonlyMap<number, ProtobufField>;

function parseField(text: string): [number, ProtobufField] {
  const [number = '', name = '', shape = ''] = text.split(' ');
  const type = shape.replace(/(\[\]|\?)$/, '');
  return [
    Number(number),
    {
      name,
      type,
      repeated: shape.endsWith('[]'),
      pointer: shape.endsWith('?'),
      mapOf: type.startsWith('map:') ? type.slice(4) : undefined,
    },
  ];
}

function parseMessage(line: string): [string, ProtobufMessage] {
  const [name = '', fields = ''] = line.split(': ', 2);
  return [name, new Map(fields.split(', ').map(parseField))];
}

/** Every known message by name. */
export const protobufMessages: ReadonlyMap<string, ProtobufMessage> = new Map(
  MESSAGES.trim().split('\n').map(parseMessage),
);

const ROOTS: Readonly<Record<string, readonly string[]>> = {
  v1: ['Namespace', 'Secret', 'ConfigMap', 'ServiceAccount', 'Service', 'Event'],
  'events.k8s.io/v1': ['Event'],
  'coordination.k8s.io/v1': ['Lease'],
  'rbac.authorization.k8s.io/v1': ['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'],
  'authentication.k8s.io/v1': ['SelfSubjectReview', 'TokenRequest', 'TokenReview'],
  'authorization.k8s.io/v1': [
    'SelfSubjectAccessReview',
    'SelfSubjectRulesReview',
    'SubjectAccessReview',
    'LocalSubjectAccessReview',
  ],
  'autoscaling/v1': ['Scale'],
  'admissionregistration.k8s.io/v1': ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'],
  'apiextensions.k8s.io/v1': ['CustomResourceDefinition'],
};

/** The message of a kind; DeleteOptions comes under any apiVersion. undefined = this server cannot read it. */
export function protobufRoot(apiVersion: string, kind: string): ProtobufMessage | undefined {
  if (kind === 'DeleteOptions') return protobufMessages.get(kind);
  if (!Object.hasOwn(ROOTS, apiVersion) || ROOTS[apiVersion]?.includes(kind) !== true) return undefined;
  return protobufMessages.get(messageName(apiVersion, kind));
}

const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  ...ROOTS,
  v1: [...(ROOTS['v1'] ?? []), 'Status'],
  'meta.k8s.io/v1': ['PartialObjectMetadata'],
};

/** The message of a kind in an answer, where it may also be a list. undefined = it is not served as protobuf. */
export function protobufAnswer(apiVersion: string, kind: string): ProtobufMessage | undefined {
  const item = kind.replace(/List$/, '');
  if (!Object.hasOwn(ANSWERS, apiVersion) || ANSWERS[apiVersion]?.includes(item) !== true) return undefined;
  const name = messageName(apiVersion, item);
  return item === kind
    ? protobufMessages.get(name)
    : new Map([parseField('1 metadata ListMeta'), parseField(`2 items ${name}[]`)]);
}

function messageName(apiVersion: string, kind: string): string {
  return apiVersion === 'events.k8s.io/v1' ? `EventsV1${kind}` : kind;
}
