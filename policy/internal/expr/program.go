package expr

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"writegate"
)

// Program is a compiled expression. It may be run by several goroutines at once, each with its own [Vars].
type Program struct {
	// Reads lists the columns that the expression reads, sorted.
	Reads []string
	// Constant says that the expression depends on nothing.
	Constant bool
	// Scope is what it was compiled for.
	Scope Scope
	// Hears says that the expression reads what came with the operation besides its values, the [Request].
	Hears bool
	// Lookups lists the lookups that the expression uses, sorted, and Depth how many of them hang on one another: 1
	// when none takes its arguments from another. Both are empty for an expression that looks nothing up.
	Lookups []string
	Depth   int

	run    cel.Program
	slow   cel.Program // the same, counting what it costs; nil where that is never needed
	col    *writegate.Column
	origin origin
}

// Answer is the outcome of a condition.
type Answer uint8

// The answers. Unknown means that a column decides whose value only the database knows so far.
const (
	No Answer = iota
	Yes
	Unknown
)

// plan makes a program of an expression in which everything is written out.
func (t *Table) plan(env *cel.Env, whole *cel.Ast, s Scope, col *writegate.Column) (*Program, *Issue) {
	f := t.compiler.facts(whole.NativeRep().Expr())
	if f.depth > t.compiler.limits.Depth {
		return nil, &Issue{Line: 1, Code: "P131", Message: fmt.Sprintf("%d lookups hang on one another, and at most %d may", f.depth, t.compiler.limits.Depth)}
	}
	p := &Program{Reads: f.reads, Constant: !f.named, Scope: s, Hears: f.hears, Lookups: f.lookups, Depth: f.depth, col: col}
	opts := func(quick bool) []cel.ProgramOption {
		nodes := &planner{table: t, facts: f, quick: quick, asked: map[int64]*lookupNode{}}
		return []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize), cel.CustomDecoratorV2(nodes.decorate)}
	}
	within, issue := t.compiler.estimate(env, whole)
	if issue != nil && !issue.Warning {
		return nil, issue
	}
	var err error
	if within != never {
		p.run, err = env.Program(whole, opts(true)...)
	}
	if within != always && err == nil {
		p.slow, err = env.Program(whole, append(opts(false), cel.CostTracking(counter{t.compiler}), cel.CostLimit(t.compiler.limits.Cost))...)
	}
	if err != nil {
		return nil, &Issue{Line: 1, Code: "P102", Message: plain(err.Error())}
	}
	if p.Constant && col != nil {
		if _, _, err := p.Store(NewVars(nil, time.Time{})); err != nil {
			return nil, &Issue{Line: 1, Code: "P111", Message: fmt.Sprintf("the value does not fit column %s: %v", col.Name, err)}
		}
	}
	return p, issue
}

// Test runs a condition. The error says why the answer is No where it was not simply false; it is for the log.
func (p *Program) Test(v *Vars) (Answer, error) {
	out, err := p.eval(v)
	if err != nil {
		return No, err
	}
	switch out {
	case types.True:
		return Yes, nil
	case types.False, types.NullValue:
		return No, nil
	}
	if types.IsUnknown(out) {
		return Unknown, nil
	}
	return No, fmt.Errorf("a condition gave %s", out.Type().TypeName())
}

// Store runs the expression of a column and returns the stored value. It reports false, without an error,
// when the value depends on what only the database knows so far.
func (p *Program) Store(v *Vars) (any, bool, error) {
	out, err := p.eval(v)
	if err != nil {
		return nil, false, err
	}
	if types.IsUnknown(out) {
		return nil, false, nil
	}
	value, err := store(p.col, out)
	return value, err == nil, err
}

// maxText is how many characters a text may have.
const maxText = 200

// Text runs an expression that makes a text. It reports false, without an error, when the text depends on what is not
// known yet. A text that is not one line of at most 200 characters is an error.
func (p *Program) Text(v *Vars) (string, bool, error) {
	out, err := p.eval(v)
	if err != nil || types.IsUnknown(out) {
		return "", false, err
	}
	text, ok := out.(types.String)
	switch {
	case !ok:
		return "", false, fmt.Errorf("a text is %s", out.Type().TypeName())
	case utf8.RuneCountInString(string(text)) > maxText:
		return "", false, fmt.Errorf("a text is longer than %d characters", maxText)
	case strings.ContainsFunc(string(text), func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
		return "", false, errors.New("a text is more than one line, or has control characters")
	}
	return string(text), true, nil
}

func (p *Program) eval(v *Vars) (ref.Val, error) {
	out, err := p.value(v)
	if v.listen != nil {
		v.tell(p, out, err)
	}
	return out, err
}

// value runs the program, counting only where something is larger than usual.
func (p *Program) value(v *Vars) (ref.Val, error) {
	v.open, v.large = false, false
	if v.usual = p.slow != nil; p.run != nil && (!v.usual || !v.bulky) {
		if out, _, err := p.run.Eval(v); !v.large {
			return out, err
		}
	}
	v.open, v.usual = false, false
	out, _, err := p.slow.Eval(v)
	return out, err
}

// Limited reports whether an expression failed because it cost too much or found too much.
func Limited(err error) bool {
	cancelled, ok := errors.AsType[interpreter.EvalCancelledError](err)
	return ok && cancelled.Cause == interpreter.CostLimitExceeded || errors.Is(err, errTooMany)
}

// Try runs an expression for what it looks up.
func (p *Program) Try(v *Vars) { _, _ = p.eval(v) }
