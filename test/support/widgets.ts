/** A CustomResourceDefinition with everything a user may use: defaults, CEL, columns, status, scale, selectable fields. */
export const WIDGETS_CRD = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
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
    - {name: Color, type: string, jsonPath: .spec.color}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Note, type: string, jsonPath: .spec.note, priority: 1}
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
              replicas: {type: integer, minimum: 0, default: 1}
              note: {type: string, maxLength: 20}
              big: {type: integer, format: int64}
              parts:
                type: array
                maxItems: 10
                description: What it is made of.
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties:
                    name: {type: string, maxLength: 20, description: Name of the part.}
                    size: {type: integer, default: 3}
            x-kubernetes-validations:
            - {rule: "self.color != 'blue' || self.replicas < 5", message: blue widgets are rare}
          status:
            type: object
            properties:
              replicas: {type: integer}
              selector: {type: string}
              conditions:
                type: array
                items: {type: object, properties: {type: {type: string}, status: {type: string}, reason: {type: string}, message: {type: string}, lastTransitionTime: {type: string, format: date-time}}}
`;

export const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets';

/** A Widget. */
export function widget(name: string, spec: object = {}, metadata: object = {}): object {
  return { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name, ...metadata }, spec };
}
