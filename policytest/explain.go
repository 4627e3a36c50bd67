package policytest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"writegate"
	"writegate/policy"
)

// Explanation is how one operation was decided.
type Explanation struct {
	Operation string `json:"operation"`
	User      string `json:"user"`
	Revision  string `json:"revision"`
	Outcome
	// Steps are in the order in which they were taken.
	Steps []Explained `json:"steps"`
	// Lookups are the questions that were asked.
	Lookups []string `json:"lookups,omitempty"`
	// Change is what is written.
	Change string `json:"change,omitempty"`
}

// Explained is one step of a decision.
type Explained struct {
	// Stage is the part of the pipeline: A shape, B the stored row, C what becomes of it, D the resulting row.
	Stage string `json:"stage"`
	// What is the part of the policy, as in rules.owner.row.
	What string `json:"what"`
	Place
	// Text is the expression, or what there is to say.
	Text string `json:"text"`
	// Got is what the expression gave, empty for none.
	Got   string `json:"got,omitempty"`
	Depth int    `json:"-"`
	// Parts are the pieces of the expression.
	Parts []Explained `json:"parts,omitempty"`

	condition bool // true or false, and others hang on it
}

// The stages of a decision.
const (
	shape     = "A"
	stored    = "B"
	becoming  = "C"
	resulting = "D"
)

// Apply sends an upload, as [writegate.Pipeline.Apply] does.
type Apply func(ctx context.Context, caller writegate.Caller, p writegate.Policy, up *writegate.Upload) (*writegate.Result, error)

// Explain has an operation decided and tells how. What the policy keeps out of dead letters is not shown.
func Explain(ctx context.Context, b *policy.Bundle, user User, op writegate.Op, clientID string, apply Apply) (*Explanation, error) {
	t, err := track(b)
	if err != nil {
		return nil, err
	}
	pol := record(t)
	op.OpID = 1
	up := &writegate.Upload{ClientID: clientID, Transactions: []writegate.Transaction{{ID: 1, Ops: []writegate.Op{op}}}}
	sent := &up.Transactions[0].Ops[0]
	e := &explainer{tracker: t, hidden: hidden(b, user), trace: policy.Trace{Op: sent}}
	out := &Explanation{Operation: e.operation(sent), User: user.Name, Revision: b.Revision()}
	res, err := apply(ctx, user.Caller, pol, up)
	if refused, ok := errors.AsType[*writegate.Error](err); ok {
		out.refused(refused)
		out.Steps = []Explained{{Stage: shape, What: "claims", Text: refused.Message}}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	seen := pol.of(sent)
	out.Outcome = outcomeOf(&res.Transactions[0], 0, seen.last)
	if seen.admitted == nil {
		out.Steps = []Explained{{Stage: shape, What: "names and values", Text: out.Message}}
		return out, nil
	}
	e.trace = t.last[sent]
	out.Steps = e.steps(user.Caller)
	for _, q := range e.trace.Lookups {
		out.Lookups = append(out.Lookups, e.lookup(&q))
	}
	if c := e.trace.Decision.Change; c != nil && out.Outcome.Outcome == Allow {
		out.Change = fmt.Sprintf("%s %s/%s %s", verbs[c.Verb], c.Table.Name, sent.ID, e.row(c.Set))
	}
	return out, nil
}

// explainer puts one decision into words.
type explainer struct {
	*tracker
	trace  policy.Trace
	hidden *regexp.Regexp // names of columns whose values are not shown, nil for none
}

// hidden finds out which columns a dead letter leaves out.
func hidden(b *policy.Bundle, user User) *regexp.Regexp {
	judge, err := b.Judge(writegate.Asking{Caller: user.Caller})
	if err != nil {
		return nil
	}
	var names []string
	for _, columns := range judge.Refused(writegate.Refuse(writegate.Internal, "", ""), nil, "").Redact {
		for _, name := range columns {
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return regexp.MustCompile(`\b(` + strings.Join(names, "|") + `)\b`)
}

// steps are what was asked, and the rules that were not, with the reason.
func (e *explainer) steps(caller writegate.Caller) []Explained {
	found := "there is no row"
	if e.trace.Old != nil {
		found = "the row is there"
	}
	steps := []Explained{{Stage: shape, What: "names and values", Text: "fit the table"}, {Stage: stored, What: "row", Text: found}}
	for i := range e.trace.Asked {
		step := e.asked(&e.trace.Asked[i])
		again := func(s Explained) bool { return s.Stage == step.Stage && s.Place == step.Place && s.Got == step.Got }
		if !slices.ContainsFunc(steps, again) {
			steps = append(steps, step)
		}
	}
	at := slices.IndexFunc(steps, func(s Explained) bool { return s.Stage > stored })
	if at < 0 {
		at = len(steps)
	}
	var rest []Explained
	for i := range e.Rules {
		if r := &e.Rules[i]; r.Table == e.trace.Op.Table && !e.reached(r) {
			rest = append(rest, Explained{Stage: stored, What: e.short(r.Path), Place: Place{r.Line, r.Column}, Text: e.why(r, caller)})
		}
	}
	return slices.Insert(steps, at, rest...)
}

// reached reports whether any condition of a rule was asked.
func (e *explainer) reached(r *policy.Rule) bool {
	return slices.ContainsFunc(e.trace.Asked, func(a policy.Asked) bool { return strings.HasPrefix(a.Expression.Path, r.Path+".") })
}

// verb is what the operation would do to its row.
func (e *explainer) verb() writegate.Verb {
	switch {
	case e.trace.Op.Kind == writegate.Delete:
		return writegate.Remove
	case e.trace.Old == nil:
		return writegate.Insert
	}
	return writegate.Update
}

// why says why a rule was not asked.
func (e *explainer) why(r *policy.Rule, caller writegate.Caller) string {
	names := map[writegate.Verb]string{writegate.Insert: "a create", writegate.Update: "an update", writegate.Remove: "a delete"}
	switch {
	case !slices.Contains(r.On, e.verb()):
		return "not for " + names[e.verb()]
	case !e.Plays(caller, *r):
		return "only for " + strings.Join(r.To, ", ")
	}
	return "not asked"
}

// short leaves the name of the table out of a path.
func (e *explainer) short(path string) string {
	return strings.TrimPrefix(path, "tables."+e.trace.Op.Table+".")
}

// asked is one expression with its parts.
func (e *explainer) asked(a *policy.Asked) Explained {
	what := e.short(a.Expression.Path)
	step := Explained{Stage: stageOf(what, a.Resulting), What: what, Place: Place{a.Expression.Line, a.Expression.Column}}
	for i, part := range a.Expression.Parts {
		got := a.Got[i]
		text := got.Text
		switch {
		case got.Kind == policy.NotAsked && !part.Condition:
			continue
		case got.Kind == policy.NotAsked:
			text = "not asked"
		case got.Kind == policy.Failed:
			text = "error: " + text
		}
		if (got.Kind == policy.Other || got.Kind == policy.Failed) && (e.hides(part.Text) || e.hides(text)) {
			text = redacted
		}
		if i == 0 {
			step.Text, step.Got, step.condition = part.Text, text, part.Condition
			continue
		}
		again := func(other Explained) bool { return other.Text == part.Text && other.Got == text }
		if !slices.ContainsFunc(step.Parts, again) {
			step.Parts = append(step.Parts, Explained{Place: Place{part.Line, part.Column}, Text: part.Text, Got: text, Depth: part.Depth, condition: part.Condition})
		}
	}
	return step
}

// stageOf tells by the part of the policy when an expression is asked.
func stageOf(what string, proposed bool) string {
	first, _, _ := strings.Cut(what, ".")
	switch first {
	case "rules":
		if proposed {
			return resulting
		}
		return stored
	case "visible":
		return stored
	case "states", "forbid", "validate":
		return resulting
	}
	return becoming
}
