package main

import (
	"context"

	celgo "github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
)

// expressionCase asks what one expression on `self` is.
type expressionCase struct {
	Source   string           `json:"source"`
	Expected expressionResult `json:"expected"`
}

type expressionResult struct {
	// Issues is the compiler's report; the other fields are empty then.
	Issues string `json:"issues,omitempty"`
	Type   string `json:"type,omitempty"`
	// Estimate is the largest cost that is expected; it is cut at 2^53.
	Estimate uint64 `json:"estimate"`
	// Cost is the cost of this evaluation.
	Cost  uint64 `json:"cost"`
	Value string `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
}

func fillExpressions(all *vectors) {
	s := structural(all.Schema)
	declared := model.SchemaDeclType(s, true).MaybeAssignTypeName("selfType")
	set, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions:        []celgo.EnvOption{celgo.Variable("self", declared.CelType())},
		DeclTypes:         []*apiservercel.DeclType{declared},
	})
	fail(err)
	env := set.StoredExpressionsEnv()
	self := cel.UnstructuredToVal(object(all.Object), model.WithTypeAndObjectMeta(s))
	estimator := &library.CostEstimator{SizeEstimator: &sizes{root: declared}}
	for _, one := range all.Expressions {
		one.Expected = evaluate(env, one.Source, estimator, map[string]any{"self": self})
	}
}

func evaluate(env *celgo.Env, source string, estimator *library.CostEstimator, variables map[string]any) expressionResult {
	ast, issues := env.Compile(source)
	if issues != nil {
		return expressionResult{Issues: issues.String()}
	}
	estimate, err := env.EstimateCost(ast, estimator)
	fail(err)
	result := expressionResult{Type: celgo.FormatCELType(ast.OutputType()), Estimate: min(estimate.Max, 1<<53)}
	program, err := env.Program(ast, celgo.CostLimit(celconfig.PerCallLimit), celgo.CostTracking(estimator),
		celgo.InterruptCheckFrequency(celconfig.CheckFrequency))
	if err != nil {
		result.Error = "program: " + err.Error()
		return result
	}
	value, details, err := program.ContextEval(context.Background(), variables)
	if cost := details.ActualCost(); cost != nil {
		result.Cost = *cost
	}
	if err != nil {
		result.Error = err.Error()
	} else {
		result.Value = render(value)
	}
	return result
}

// sizes is the size estimator of the CRD rules, which their package does not export.
type sizes struct{ root *apiservercel.DeclType }

func (s *sizes) EstimateSize(element checker.AstNode) *checker.SizeEstimate {
	if len(element.Path()) == 0 {
		return nil
	}
	current := s.root
	for _, name := range element.Path()[1:] {
		switch name {
		case "@items", "@values":
			current = current.ElemType
		case "@keys":
			current = current.KeyType
		default:
			field, ok := current.Fields[name]
			if !ok {
				return nil
			}
			current = field.Type
		}
		if current == nil {
			return nil
		}
	}
	return &checker.SizeEstimate{Min: 0, Max: uint64(current.MaxElements)}
}

func (s *sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}
