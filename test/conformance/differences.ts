/** A place where Hostler's API server says something else than kube-apiserver, and is meant to. */
export interface Difference {
  /** The end of the deviation's place as the test prints it, or a pattern for it. */
  at: string | RegExp;
  /** What each says there, as JSON or `nothing`; default: anything. */
  hostler?: RegExp;
  kubernetes?: RegExp;
  reason: string;
}

/** Words of kube-apiserver (or ours) that mean the same as others. */
export interface Reading {
  from: RegExp;
  to: string;
  reason: string;
}

export const readAs: readonly Reading[] = [
  {
    from: /spec\.validation\.openAPIV3Schema/g,
    to: 'spec.versions[0].schema.openAPIV3Schema',
    reason: 'a name from v1beta1, which no user has written; ours is the place in the manifest',
  },
  {
    from: /spec\.(additionalPrinterColumns|subresources|selectableFields)\b/g,
    to: 'spec.versions[0].$1',
    reason: 'as above',
  },
  {
    from: /Key: \/registry\/(core|coordination\.k8s\.io)\//g,
    to: 'Key: /registry/',
    reason: 'keys of the store are our own',
  },
  {
    from: /(Event)\.events\.k8s\.io( \\")/g,
    to: '$1$2',
    reason: 'kube-apiserver forgets the group in errors of the newer Event',
  },
];

const GO_WORDS =
  /json: cannot unmarshal|json parse error|pkg\/runtime\/scheme\.go|unknown conversion|strconv\.Parse|error decoding patch: |yaml: |invalid character|base64|incorrect encoded|accessor error|Object 'Kind' is missing/;

const NOT_FOUND = /could not find the requested resource|404 page not found|^""$|^nothing$/;

/** Anywhere. */
export const everywhere: readonly Difference[] = [
  {
    at: /fieldsV1\.(.*\.\.|f:status|f:spec|f:rules|f:reporting\w+)$/,
    hostler: /^\{/,
    kubernetes: /^nothing$/,
    reason: 'Go writes structs that are empty, so that kube-apiserver takes them for always there',
  },
  {
    at: /validatingadmissionpolicies(\S*): body\.status$/,
    hostler: /^nothing$/,
    kubernetes: /^\{\}$/,
    reason: 'as above',
  },
  {
    at: /(\/api\/v1\/.*\.eventTime|\.(firstTimestamp|lastTimestamp|lastTransitionTime|source|reporting\w+|deprecated\w+|creationTimestamp|conditions|rules|object))$/,
    hostler: /^(nothing|null|""|\[\])$/,
    kubernetes: /^(nothing|null|\{\}|"")$/,
    reason: 'Go writes some members that are empty, as null or an empty object; they decode to the same',
  },
  {
    at: /body\.message$/,
    kubernetes: /^"(the server rejected our request due to an error in our request|415: Unsupported Media Type)"$/,
    reason: 'ours says what is wrong: which operation of the JSON patch does not apply, which types are taken',
  },
  {
    at: /body\.details(\.(name|kind|group|causes))?$/,
    hostler: /^(nothing|.*"field":"patch"|"(a|ConfigMap|Widget|conformance\.example\.com)")/,
    kubernetes: /^(nothing|\{\})$/,
    reason: 'as above, as cause',
  },
  {
    at: /body\.(message|details\.causes(\[\d\]\.message)?)$/,
    kubernetes: GO_WORDS,
    reason: "words of Go's decoders about a body that cannot be read",
  },
  {
    at: /body\.(message|details\.causes\[\d\]\.message)$/,
    hostler: /^("\s*\\"\\" is invalid: patch|"Invalid value: )/,
    kubernetes: /^("\s*\\"\\" is invalid: patch: Invalid value: |"Invalid value: )\\"(\{|map\[)/,
    reason: 'kube-apiserver repeats the whole object in the error of a patch; it may be a Secret, so ours does not',
  },
  {
    at: /body\.(message|details\.causes\[\d\]\.message)$/,
    kubernetes: /\\?"Name\\?":\\?"v1\\?"|\\?"APIGroup\\?":|expecting \{'\[', |must have at least one stored version/,
    reason: "Go's way to print what is wrong, and its parser's list of every possible token",
  },
  {
    at: /body\.message$/,
    hostler: /strict decoding error/,
    kubernetes: /strict decoding error/,
    reason: 'the order of unknown and duplicate fields: kube-apiserver names those of metadata first',
  },
  { at: /headers\.warning$/, hostler: /(unknown|duplicate) field/, kubernetes: /field|line/, reason: 'as above' },
  {
    at: /GET \/(apis?|openapi\/v[23])(\/[^ ]*)?: headers\.(cache-control|vary|etag)$/,
    hostler: /public|Accept|etag/,
    reason: 'the older discovery documents can be cached here, too',
  },
  {
    at: /body(\.message)?$/,
    hostler: NOT_FOUND,
    kubernetes: /could not find the requested resource|404 page not found|^""$|\\"a\\" not found/,
    reason: 'a path that is nothing is a Status 404 in every known group, text elsewhere; clients tell it alike',
  },
  {
    at: /headers\.content-type$/,
    hostler: /json|plain/,
    kubernetes: /^("text\/plain; charset=utf-8"|"application\/json"|nothing)$/,
    reason: 'as above',
  },
  {
    at: /body\.details\.(name|group|kind)$/,
    hostler: /^nothing$/,
    kubernetes: /^"(a|conformance\.example\.com|widgets|gears)"$/,
    reason: 'as above: of a subresource that a custom resource does not have',
  },
  {
    at: /responseKind\.version$/,
    hostler: /^"v1"$/,
    kubernetes: /^""$/,
    reason: 'kube-apiserver leaves the version of core kinds out, which clients then take from the group',
  },
  {
    at: /body\.details\.group$/,
    hostler: /^"events\.k8s\.io"$/,
    kubernetes: /^nothing$/,
    reason: 'kube-apiserver forgets the group in errors of the newer Event',
  },
];

const every = (reason: string, step = ''): Difference => ({ at: new RegExp(`^${step}`), reason });
const LENIENT_NUMBER =
  'a number without a fraction is an integer, however it is written; kube-apiserver says so only of a scale';
const SCALE_PATH = 'kube-apiserver looks at the replicas of a scale again, in words of Go, beside the schema';
const STORED_VERSIONS = 'one cause less: of status, which a user does not write';
const OTHER_TYPE = 'the type of the body is compared before anything else, in the same words as for other kinds';
const SERVER_FAULT = 'kube-apiserver answers 500 to a fault of the client';

/** By `topic: case`. One that is none any more fails its test. */
export const differences: Readonly<Record<string, readonly Difference[]>> = {
  'create: with a resourceVersion': [every(SERVER_FAULT)],
  'create: null': [every('a body must be an object')],
  'create: with a uid and times of its own': [
    { at: 'body.metadata.generation', reason: 'a ConfigMap has no generation; clients cannot make one up' },
  ],
  'names and metadata: an owner with an apiVersion of three parts': [every('no harm: no such owner can be')],
  'replace: with a resourceVersion that is none': [every(SERVER_FAULT, '1 ')],
  'patch: by merge with another uid': [every('a Conflict, as by replace: another object of that name is meant', '1 ')],
  'patch: by JSON patch of a member that is not there': [every('kube-apiserver copies nothing as null', '6 ')],
  'patch: by JSON patch without a path': [every('a patch that cannot be read is 400, as others', '1 ')],
  'apply: with a uid': [every('a Conflict, as by replace: another object of that name is meant', '2 ')],
  'apply: with an unknown field': [every(SERVER_FAULT)],
  'apply: with a value of the wrong type': [every(SERVER_FAULT)],
  'apply: with repeated items': [every(SERVER_FAULT)],
  'apply: to what is too large with owners of all fields': [every(SERVER_FAULT, '1 ')],
  'apply of custom resources: the last entry of a map of another': [
    every('kube-apiserver refuses the null that it leaves of the map itself', '2 '),
  ],
  'apply of custom resources: scale': [
    every('kube-apiserver answers 500 to an apply to the scale of a custom resource by force', '[2-5] '),
  ],
  'patch: by strategic merge with an unknown $patch': [every(SERVER_FAULT, '1 ')],
  'lists: continue with a revision': [every('a limit holds on a page that goes on', '5 ')],
  'lists: a revision that is none': [
    every('422 names the option, for list, get and watch alike; kube-apiserver says 400, 500 and 500'),
  ],
  'lists: a timeout': [every('as of other options that are none, 422 names it', '2 ')],
  'watches: of a revision that is none': [every(SERVER_FAULT)],
  'a definition whose field has: an array with two items': [every('one cause more: what is missing is told, too')],
  'a definition whose field has: a $ref': [every('one cause more: what is missing is told, too')],
  'a definition whose field has: an empty enum': [{ at: '.enum', reason: 'kept as it was written; it allows nothing' }],
  'a definition with a default: a resource with unknown metadata': [
    { at: 'default.metadata.unknown', reason: 'kept as it was written; no object gets it' },
  ],
  'a definition: without versions': [every("the same causes; an empty list is [] here and Go's null there")],
  'a definition: with two storage versions': [every(STORED_VERSIONS)],
  'a definition: with a bad version name': [every(STORED_VERSIONS)],
  'a definition: with a webhook by http': [every('the address of a conversion webhook is judged when it is called')],
  'the life of a definition: a name that is taken': [
    { at: /conditions\[0\]\.(reason|message)$/, reason: 'of several names that are taken another is told first' },
  ],
  'a custom resource with: a whole fraction for an integer': [every(LENIENT_NUMBER)],
  'a custom resource with: an exponent for an integer': [every(LENIENT_NUMBER)],
  'a custom resource with: an excluded minimum': [
    { at: /causes\[0\]\.message$/, reason: 'kube-apiserver blames the multiple for a zero' },
  ],
  'custom resources: of another kind': [every(OTHER_TYPE)],
  'custom resources: of another version': [
    { at: 'headers.warning', reason: 'kube-apiserver takes the whole spec for unknown when the version is' },
  ],
  'custom resources: a merge patch of apiVersion and kind': [
    { at: /body\.(message|details\..*)$/, reason: OTHER_TYPE },
  ],
  'custom resources: status by its subresource': [
    { at: /managedFields\[\d\]\./, reason: 'owners by subresource: of metadata, and in another order' },
    { at: /body\.(message|details\..*)$/, hostler: /does not allow this method|nothing/, reason: 'two texts for 405' },
  ],
  'custom resources: scale': [
    { at: /managedFields\[\d\]\./, reason: 'owners by subresource: of metadata, and in another order' },
    { at: /body\.(message|details\..*)$/, reason: 'a Scale that is refused is told as one, not as what it scales' },
  ],
  'secrets: of type {"type":"kubernetes.io/tls","data":{"tls.crt":"","tls.key":""}}': [
    { at: 'headers.warning', reason: 'what a certificate says is not looked into' },
  ],
  'service accounts: every namespace has one': [
    { at: /(description|manager)$/, reason: 'our own words, and our own process' },
  ],
  'leases: strategy': [every('fields of a feature that is off by default in kube-apiserver')],
  'reviews: cannot be read': [every('405 for every review that is not created', '1 ')],
  'representations: a Table with something': [{ at: 'body.message', reason: 'another sentence' }],
  'representations: metadata of many, asked as of one': [{ at: 'body.message', reason: 'another sentence' }],
  'representations: metadata of one, asked as of many': [every(SERVER_FAULT)],
  'paths: a cluster resource in a namespace': [every('namespaces in a namespace are looked up', '0 ')],
  'paths: a name with an escape': [every('a name that cannot be is not found by that name')],
  'delete: and add a finalizer': [{ at: 'body.message', reason: 'kube-apiserver says it twice' }],
  'namespaces: deleting one deletes what is in it': [
    { at: 'deletionGracePeriodSeconds', reason: 'as for every other kind' },
  ],
  'namespaces: a bad finalizer': [{ at: /(message|field)$/, reason: 'the place of the finalizer is told' }],
  'discovery: the core group': [{ at: 'body.apiVersion', reason: 'kube-apiserver leaves it out for v1' }],
  'status of policies: that ask the authorizer': [
    {
      at: /expressionWarnings$/,
      hostler: /^nothing$/,
      reason: 'kube-controller-manager does not know of authorizer.requestResource, which policies may well use',
    },
  ],
  'discovery: other groups': [
    { at: 'body.resources[0].storageVersionHash', reason: 'definitions are stored as v1 here, as v1beta1 there' },
  ],
  'discovery: by who accepts no JSON': [{ at: 'body.message', reason: 'another sentence' }],
  'OpenAPI: schemas of custom resources': [
    {
      at: /(uniqueItems|items\.(description|items\.(\$ref|allOf)))$/,
      reason: 'the same schema in other words',
    },
  ],
  'OpenAPI: operations of custom resources': [
    {
      at: /scale\.(get|put|patch)\.kind\.(group|kind)$/,
      reason: 'a scale is a Scale; kube-apiserver names the resource',
    },
  ],
  'OpenAPI: what is not there': [every('a 404 with a text')],
  'OpenAPI: protobuf': [every('no answer is in protobuf')],
  'OpenAPI: something else': [{ at: /headers\.(content-type|etag)$/, reason: 'a 406 with a Status' }],
  'kubectl 1.35: apply with a bad value': [{ at: 'body.stderr', reason: SCALE_PATH }],
  'kubectl 1.32: apply with a bad value': [{ at: 'body.stderr', reason: SCALE_PATH }],
  'kubectl 1.35: patch': [{ at: 'body.stderr', reason: SCALE_PATH }],
  'kubectl 1.32: patch': [{ at: 'body.stderr', reason: SCALE_PATH }],
  'escalation: a binding to a role with more than one has': [
    { at: /body\.(message|details\.kind)$/, reason: 'the role is what is not there, not the binding' },
  ],
  'roles and bindings: without rules': [
    { at: 'managedFields', reason: 'an empty list of rules is owned by who wrote it; to Go it is none' },
  ],
  'namespaces: status by its subresource': [
    { at: 'f:lastTransitionTime', reason: 'a time that Go writes as null, and so owns' },
  ],
};
