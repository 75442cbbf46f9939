package main

import (
	"context"
	"encoding/json"
	"sort"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/common"
)

// evaluationCase asks what the rules say to an object, or to its change.
type evaluationCase struct {
	Name     string          `json:"name"`
	Schema   json.RawMessage `json:"schema"`
	Object   json.RawMessage `json:"object"`
	Old      json.RawMessage `json:"old,omitempty"`
	Expected []fieldError    `json:"expected"`
}

func (c *evaluationCase) fill() {
	s := structural(c.Schema)
	value := object(c.Object)
	defaulting.Default(value, s)
	validator := cel.NewValidator(s, true, celconfig.PerCallLimit)
	var options []cel.Option
	var old any
	if previous := object(c.Old); previous != nil {
		defaulting.Default(previous, s)
		old = previous
		options = append(options, cel.WithRatcheting(
			common.NewCorrelatedObject(value, previous, &model.Structural{Structural: s})))
	}
	errs, _ := validator.Validate(context.Background(), nil, s, value, old, celconfig.RuntimeCELCostBudget, options...)
	c.Expected = describe(errs)
	sort.Slice(c.Expected, func(i, j int) bool { return c.Expected[i].Text < c.Expected[j].Text })
}
