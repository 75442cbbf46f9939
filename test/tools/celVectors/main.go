// Command celVectors fills in what Kubernetes answers to the cases of a vectors file:
//
//	go run . ../../unit/apiserver/schema/cel.vectors.json
//
// A case is written by hand without `expected`; running the command adds it, and refreshes all others.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

type vectors struct {
	Source string `json:"source"`
	// Schema and Object of the variable `self` in Expressions.
	Schema      json.RawMessage   `json:"schema"`
	Object      json.RawMessage   `json:"object"`
	Expressions []*expressionCase `json:"expressions"`
	Admissions  []*admissionCase  `json:"admissions"`
	Evaluations []*evaluationCase `json:"evaluations"`
}

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: celVectors VECTORS.json"))
	}
	data, err := os.ReadFile(os.Args[1])
	fail(err)
	var all vectors
	fail(json.Unmarshal(data, &all))
	all.Source = "answers of k8s.io/apiextensions-apiserver v0.35.2 (pkg/apiserver/schema/cel, pkg/apis/apiextensions/validation)"
	fillExpressions(&all)
	for _, one := range all.Admissions {
		one.fill()
	}
	for _, one := range all.Evaluations {
		one.fill()
	}
	fail(os.WriteFile(os.Args[1], all.encode(), 0o644))
}

// encode writes one case per line, so that a change of one case is a change of one line.
func (all *vectors) encode() []byte {
	var out bytes.Buffer
	line := func(prefix string, value any, suffix string) {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		fail(encoder.Encode(value))
		out.WriteString(prefix + string(bytes.TrimSpace(text.Bytes())) + suffix + "\n")
	}
	line("{\n\"source\": ", all.Source, ",")
	line("\"schema\": ", all.Schema, ",")
	line("\"object\": ", all.Object, ",")
	out.WriteString("\"expressions\": [\n")
	for i, one := range all.Expressions {
		line("", one, comma(i, len(all.Expressions)))
	}
	out.WriteString("],\n\"admissions\": [\n")
	for i, one := range all.Admissions {
		line("", one, comma(i, len(all.Admissions)))
	}
	out.WriteString("],\n\"evaluations\": [\n")
	for i, one := range all.Evaluations {
		line("", one, comma(i, len(all.Evaluations)))
	}
	out.WriteString("]\n}\n")
	return out.Bytes()
}

func comma(index, length int) string {
	if index == length-1 {
		return ""
	}
	return ","
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
