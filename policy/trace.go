package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/tree"
)

// Expression is one condition or value of a policy.
type Expression struct {
	File string
	// Line and Column count from 1.
	Line, Column int
	// Path says which part of the policy, such as tables.lists.rules.owner.row.
	Path string
	// Parts are the whole expression and the pieces of it that have a value of their own, each before those in it.
	Parts []Part
}

// Part is a piece of an expression.
type Part struct {
	// Text is the piece as an expression.
	Text string
	// Line and Column count from 1 in the file.
	Line, Column int
	// Condition says that the piece is true or false and that others hang on it, as an operand of && does.
	Condition bool
	// Depth is how many other pieces it is in.
	Depth int
}

// Got is what an expression or a part of it gave.
type Got = expr.Value

// What expressions give.
const (
	NotAsked = expr.NotAsked
	True     = expr.True
	False    = expr.False
	Other    = expr.Other
	Failed   = expr.Failed
	Open     = expr.Open
)

// Rule is a rule of a policy.
type Rule struct {
	Table, Name  string
	File         string
	Line, Column int
	// To are the roles, any of which suffices. None means everybody.
	To []string
	// On says for which changes it is asked.
	On []writegate.Verb
	// Path begins the paths of its expressions.
	Path string
}

// Asked is an expression that was evaluated for an operation.
type Asked struct {
	Expression *Expression
	// Resulting says that the operation had a resulting row already.
	Resulting bool
	// Got has a value for each part.
	Got []Got
}

// Lookup is a question that was asked for an operation.
type Lookup struct {
	Name string
	// By are the columns that rows were looked up by, and Values their values.
	By     []string
	Values []any
	// Rows are those that were found. They are shared.
	Rows []writegate.Row
}

// Trace is how one decision came about. It has everything in the order in which it happened.
type Trace struct {
	Op *writegate.Op
	// Old is the stored row as the decision had it.
	Old      writegate.Row
	Asked    []Asked
	Lookups  []Lookup
	Decision writegate.Decision
}

// script is where the programs of a bundle come from.
type script struct {
	file     string
	programs []located
	tables   []tableSpec
}

type located struct {
	*expr.Program
	node *tree.Node
	path string
}

// note remembers where a program comes from.
func (b *binder) note(p *expr.Program, n *tree.Node, path string) {
	if p != nil {
		b.script.programs = append(b.script.programs, located{p, n, path})
	}
}

// Traced is a bundle that tells how its decisions come about. They are those of the bundle.
type Traced struct {
	*Bundle
	// Expressions and Rules are those of the policy, in the order of the file.
	Expressions []*Expression
	Rules       []Rule

	hear     func(Trace)
	programs map[*expr.Program]*traced
}

type traced struct {
	*Expression
	parts []expr.Part
}

// Trace returns the policy with somebody to hear of each decision. Judges of it are slow.
func (b *Bundle) Trace(hear func(Trace)) (*Traced, error) {
	out := &Traced{Bundle: b, hear: hear, programs: map[*expr.Program]*traced{}}
	for _, at := range b.script.programs {
		parts, err := at.Split()
		if err != nil {
			return nil, fmt.Errorf("trace %s: %w", at.path, err)
		}
		start := at.node.Locate(1, 0)
		e := &Expression{File: b.script.file, Line: start.Line, Column: start.Column, Path: at.path}
		for _, p := range parts {
			pos := at.node.Locate(p.Line, p.Column)
			e.Parts = append(e.Parts, Part{p.Text, pos.Line, pos.Column, p.Condition, p.Depth})
		}
		out.programs[at.Program] = &traced{e, parts}
		out.Expressions = append(out.Expressions, e)
	}
	slices.SortStableFunc(out.Expressions, func(a, b *Expression) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for i := range b.script.tables {
		out.Rules = append(out.Rules, b.script.tables[i].list(b.script.file)...)
	}
	return out, nil
}

// list has the rules of a table.
func (t *tableSpec) list(file string) []Rule {
	var rules []Rule
	for i := range t.rules {
		r := &t.rules[i]
		rule := Rule{Table: t.name.text, Name: r.name.text, File: file, Line: r.name.pos.Line, Column: r.name.pos.Column, Path: r.path}
		for _, role := range r.to {
			rule.To = append(rule.To, role.text)
		}
		for _, verb := range []writegate.Verb{writegate.Insert, writegate.Update, writegate.Remove} {
			if r.ops.has(verb) {
				rule.On = append(rule.On, verb)
			}
		}
		rules = append(rules, rule)
	}
	return rules
}

// Plays reports whether a caller has one of the roles of a rule.
func (t *Traced) Plays(caller writegate.Caller, r Rule) bool {
	j, err := t.Bundle.Judge(writegate.Asking{Caller: caller})
	if err != nil {
		return false
	}
	return len(r.To) == 0 || slices.ContainsFunc(r.To, func(name string) bool {
		i := slices.IndexFunc(t.roles(), func(role string) bool { return role == name })
		return i >= 0 && j.(*judge).roles[i]
	})
}

// roles are the names of the roles, in the order of the file.
func (t *Traced) roles() []string {
	var names []string
	for _, at := range t.script.programs {
		if name, ok := strings.CutPrefix(at.path, "roles."); ok {
			names = append(names, name)
		}
	}
	return names
}

// Judge implements [writegate.Policy].
func (t *Traced) Judge(a writegate.Asking) (writegate.Judge, error) {
	j, err := t.Bundle.Judge(a)
	if err != nil {
		return nil, err
	}
	return &tracedJudge{j.(*judge), t}, nil
}

type tracedJudge struct {
	*judge
	to *Traced
}

// Decide implements [writegate.Judge].
func (j *tracedJudge) Decide(a *writegate.Admitted, old writegate.Row, v writegate.View) writegate.Decision {
	trace := Trace{Op: a.Op, Old: old}
	seen := &tracedView{View: v, to: &trace}
	j.vars.Listen(func(p *expr.Program, whole Got) {
		if at := j.to.programs[p]; at != nil {
			seen.quiet = true
			trace.Asked = append(trace.Asked, Asked{at.Expression, j.vars.Proposed(), expr.Run(at.parts, whole, j.vars)})
			seen.quiet = false
		}
	})
	trace.Decision = j.judge.Decide(a, old, seen)
	j.vars.Listen(nil)
	j.to.hear(trace)
	return trace.Decision
}

// tracedView notes what is asked, each question once.
type tracedView struct {
	writegate.View
	to    *Trace
	quiet bool
}

// Find implements [writegate.View].
func (v *tracedView) Find(l *writegate.Lookup, values []any) ([]writegate.Row, bool) {
	rows, ok := v.View.Find(l, values)
	if ok && !v.quiet && !slices.ContainsFunc(v.to.Lookups, func(q Lookup) bool { return q.Name == l.Name && slices.Equal(q.Values, values) }) {
		v.to.Lookups = append(v.to.Lookups, Lookup{l.Name, l.By, slices.Clone(values), rows})
	}
	return rows, ok
}
