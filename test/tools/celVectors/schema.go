package main

import (
	"encoding/json"
	"regexp"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var selfType = regexp.MustCompile(`selfType\d+`)

type fieldError struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

func internalSchema(raw json.RawMessage) *apiextensions.JSONSchemaProps {
	var external v1.JSONSchemaProps
	fail(json.Unmarshal(raw, &external))
	var internal apiextensions.JSONSchemaProps
	fail(v1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&external, &internal, nil))
	return &internal
}

func structural(raw json.RawMessage) *schema.Structural {
	result, err := schema.NewStructural(internalSchema(raw))
	fail(err)
	return result
}

func object(raw json.RawMessage) map[string]any {
	if len(raw) == 0 {
		return nil
	}
	var result map[string]any
	fail(utiljson.Unmarshal(raw, &result))
	return result
}

func describe(errs field.ErrorList) []fieldError {
	result := []fieldError{}
	for _, err := range errs {
		// The type of `self` has the time in its name.
		text := selfType.ReplaceAllString(err.Error(), "selfType")
		result = append(result, fieldError{Type: string(err.Type), Text: text})
	}
	return result
}
