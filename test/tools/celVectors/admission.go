package main

import (
	"context"
	"encoding/json"
	"sort"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// admissionCase asks whether a CRD with this schema is admitted.
type admissionCase struct {
	Name     string          `json:"name"`
	Schema   json.RawMessage `json:"schema"`
	Expected []fieldError    `json:"expected"`
}

func (c *admissionCase) fill() {
	no := false
	c.Expected = []fieldError{}
	crd := &apiextensions.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "widgets.example.com"},
		Spec: apiextensions.CustomResourceDefinitionSpec{
			Group: "example.com",
			Scope: apiextensions.NamespaceScoped,
			Names: apiextensions.CustomResourceDefinitionNames{
				Plural: "widgets", Singular: "widget", Kind: "Widget", ListKind: "WidgetList",
			},
			Versions: []apiextensions.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensions.CustomResourceValidation{OpenAPIV3Schema: internalSchema(c.Schema)},
			}},
			PreserveUnknownFields: &no,
			Conversion:            &apiextensions.CustomResourceConversion{Strategy: apiextensions.NoneConverter},
		},
		Status: apiextensions.CustomResourceDefinitionStatus{StoredVersions: []string{"v1"}},
	}
	for _, err := range describe(validation.ValidateCustomResourceDefinition(context.Background(), crd)) {
		// An internal CRD would carry the schema of its only version elsewhere.
		if !strings.HasPrefix(err.Text, "spec.versions: ") {
			c.Expected = append(c.Expected, err)
		}
	}
	// Properties are walked in the order of a Go map.
	sort.Slice(c.Expected, func(i, j int) bool { return c.Expected[i].Text < c.Expected[j].Text })
}
