// Reads a question as JSON: alerting rules, stories of series, expressions. Answers as JSON what fires at the end of each
// story, by Prometheus' own code: its rules with their `for`, its engine, its staleness.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sort"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

// How often Prometheus scrapes and evaluates in the stories.
const interval = 30 * time.Second

type question struct {
	// Text of a rule file.
	Rules string `json:"rules"`
	// Each in promqltest's notation: lines of `metric{…} 1x10 0x10 _x3 stale`, one value per interval.
	Stories [][]string `json:"stories"`
	// Further expressions that must be PromQL.
	Expressions []string `json:"expressions"`
}

type answer struct {
	// Per story, what fires at its end: the name of the alert and its summary.
	Firing [][]string `json:"firing"`
	// What is wrong with rules and expressions.
	Errors []string `json:"errors"`
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(reply(asked)); err != nil {
		panic(err)
	}
}

func reply(asked question) answer {
	said := answer{Firing: [][]string{}, Errors: []string{}}
	groups, problems := rulefmt.Parse([]byte(asked.Rules), false)
	for _, problem := range problems {
		said.Errors = append(said.Errors, problem.Error())
	}
	for _, expression := range asked.Expressions {
		if _, err := parser.ParseExpr(expression); err != nil {
			said.Errors = append(said.Errors, fmt.Sprintf("%s: %v", expression, err))
		}
	}
	if len(said.Errors) > 0 {
		return said
	}
	for _, story := range asked.Stories {
		said.Firing = append(said.Firing, firing(groups, story))
	}
	return said
}

// broken ends the program at what promqltest would fail a test for.
type broken struct{}

func (broken) Errorf(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
func (broken) FailNow() { os.Exit(1) }

func firing(groups *rulefmt.RuleGroups, story []string) []string {
	text := fmt.Sprintf("load %s\n", interval)
	for _, line := range story {
		text += "  " + line + "\n"
	}
	store := promqltest.LoadedStorage(broken{}, text)
	defer store.Close()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute})
	query := rules.EngineQueryFunc(engine, store)
	end := time.UnixMilli(store.Head().MaxTime())
	found := []string{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			found = append(found, atEnd(alerting(rule), query, end)...)
		}
	}
	sort.Strings(found)
	return found
}

func alerting(rule rulefmt.Rule) *rules.AlertingRule {
	expression, err := parser.ParseExpr(rule.Expr)
	if err != nil {
		panic(err)
	}
	marks, notes := labels.FromMap(rule.Labels), labels.FromMap(rule.Annotations)
	hold, keep := time.Duration(rule.For), time.Duration(rule.KeepFiringFor)
	return rules.NewAlertingRule(
		rule.Alert, expression, hold, keep, marks, notes, labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
}

func atEnd(rule *rules.AlertingRule, query rules.QueryFunc, end time.Time) []string {
	for at := time.UnixMilli(0); !at.After(end); at = at.Add(interval) {
		if _, err := rule.Eval(context.Background(), 0, at, query, nil, 0); err != nil {
			panic(err)
		}
	}
	found := []string{}
	for _, alert := range rule.ActiveAlerts() {
		if alert.State == rules.StateFiring {
			found = append(found, rule.Name()+": "+alert.Annotations.Get("summary"))
		}
	}
	return found
}
