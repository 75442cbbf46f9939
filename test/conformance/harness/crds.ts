import { parse } from 'yaml';

/** A definition with everything that a schema may say. */
export const WIDGETS_CRD: unknown = parse(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.conformance.example.com}
spec:
  group: conformance.example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd], categories: [gadgets]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
    selectableFields: [{jsonPath: .spec.color}]
    additionalPrinterColumns:
    - {name: Color, type: string, jsonPath: .spec.color, description: Its color.}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Note, type: string, jsonPath: .spec.note, priority: 1}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        description: A widget does things.
        properties:
          spec:
            type: object
            description: What the widget shall be.
            properties:
              color: {type: string, description: Its color., enum: [red, green, blue], default: red}
              replicas: {type: integer, format: int32, minimum: 0, maximum: 100, default: 1}
              ratio: {type: number, exclusiveMinimum: true, minimum: 0, multipleOf: 0.5}
              note: {type: string, maxLength: 20, minLength: 2, pattern: '^[a-z ]*$'}
              big: {type: integer, format: int64}
              on: {type: boolean}
              when: {type: string, format: date-time}
              size: {x-kubernetes-int-or-string: true}
              nothing: {type: string, nullable: true}
              tags: {type: array, maxItems: 5, x-kubernetes-list-type: set, items: {type: string, maxLength: 10}}
              plain: {type: array, maxItems: 3, minItems: 1, uniqueItems: false, items: {type: integer}}
              parts:
                type: array
                maxItems: 10
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties:
                    name: {type: string, maxLength: 20}
                    size: {type: integer, default: 3}
                    colour: {type: string}
              settings: {type: object, maxProperties: 3, additionalProperties: {type: string, maxLength: 10}}
              atom: {type: object, x-kubernetes-map-type: atomic, properties: {a: {type: string}, b: {type: string}}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {known: {type: integer}}}
              template: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
              fixed: {type: string, maxLength: 10, x-kubernetes-validations: [{rule: self == oldSelf, message: fixed is fixed}]}
              least: {type: integer}
              most: {type: integer}
              either: {type: string}
              or: {type: string}
            oneOf:
            - not: {required: [either, or]}
            x-kubernetes-validations:
            - {rule: "self.color != 'blue' || self.replicas < 5", message: blue widgets are rare}
            - {rule: "!has(self.least) || !has(self.most) || self.least <= self.most", messageExpression: "'least is over most, by ' + (self.least > 9 ? 'much' : 'little')", reason: FieldValueForbidden, fieldPath: .least}
          status:
            type: object
            properties:
              replicas: {type: integer}
              selector: {type: string}
              phase: {type: string, enum: [Ready, Waiting]}
              conditions:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [type]
                items:
                  type: object
                  required: [type, status]
                  properties: {type: {type: string}, status: {type: string}, reason: {type: string}, message: {type: string}, lastTransitionTime: {type: string, format: date-time}}
`);

/** The least that a definition may say: two versions, no subresource, no columns, everything preserved. */
export const GEARS_CRD: unknown = parse(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gears.conformance.example.com}
spec:
  group: conformance.example.com
  scope: Namespaced
  names: {plural: gears, kind: Gear}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
  - name: v1beta1
    served: true
    storage: false
    deprecated: true
    deprecationWarning: use v1 gears
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`);
