package expr

import (
	"regexp"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// The nodes of this file stand for what most conditions of policies consist of: that two values are the same, that a
// text has a form, that a row that is looked up says something. They give what the library's nodes give, without making
// values of its types. They count no cost, and so are only for programs that need none counted.

// fast finds such a node for a call, nil when there is none.
func (p *planner) fast(i interpreter.InterpretableV2) interpreter.InterpretableV2 {
	if f, ok := p.facts.answers[i.ID()]; ok {
		if l := p.asked[f.lookup]; l != nil {
			return &answerNode{fastNode: fastNode{id: i.ID()}, ask: l, read: l.lookup.row.read[f.field], or: f.or}
		}
	}
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 {
		return nil
	}
	switch call.Function() {
	case operators.Equals, operators.NotEquals:
		a, b := plainly(call.Args()[0]), plainly(call.Args()[1])
		if a != nil && b != nil {
			return &sameNode{fastNode: fastNode{id: i.ID()}, a: a, b: b, not: call.Function() == operators.NotEquals, slow: i}
		}
	case overloads.Matches:
		pattern, ok := constant(call.Args()[1]).(types.String)
		if re, err := regexp.Compile(string(pattern)); ok && err == nil {
			return &matchNode{fastNode: fastNode{id: i.ID()}, text: call.Args()[0], re: re, slow: i}
		}
	}
	return nil
}

// constant returns the value of a literal, nil for all else.
func constant(n interpreter.InterpretableV2) ref.Val {
	if c, ok := n.(interpreter.InterpretableConst); ok {
		return c.Value()
	}
	return nil
}

// direct reads a value as it is stored, nil when it is not there or has no such form.
type direct func(*Vars) any

// plainly finds out how to read a value as it is stored, nil when it can't be.
func plainly(n interpreter.InterpretableV2) direct {
	switch n := n.(type) {
	case *fieldNode:
		if n.optional || n.test || n.plain == nil {
			return nil
		}
		return func(v *Vars) any { return n.plain(v, n.row(v)) }
	case interpreter.InterpretableConst:
		switch c := n.Value().(type) {
		case types.String, types.Int, types.Bool:
			stored := c.Value()
			return func(*Vars) any { return stored }
		}
	}
	return nil
}

// fastNode is what these nodes have in common.
type fastNode struct{ id int64 }

// ID implements the library's node.
func (n *fastNode) ID() int64 { return n.id }

// sameNode compares two values as they are stored. Where one has no such form, the library compares them.
type sameNode struct {
	fastNode
	a, b direct
	not  bool
	slow interpreter.InterpretableV2
}

// Eval implements the library's node.
func (n *sameNode) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, n.Exec)
}

// Exec implements the library's node.
func (n *sameNode) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	v := varsOf(frame)
	a, b := n.a(v), n.b(v)
	if a == nil || b == nil {
		return n.slow.Exec(frame)
	}
	return types.Bool((a == b) != n.not)
}

// matchNode holds a text against a pattern.
type matchNode struct {
	fastNode
	text interpreter.InterpretableV2
	re   *regexp.Regexp
	slow interpreter.InterpretableV2
}

// Eval implements the library's node.
func (n *matchNode) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, n.Exec)
}

// Exec implements the library's node.
func (n *matchNode) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	if text, ok := n.text.Exec(frame).(types.String); ok {
		return types.Bool(n.re.MatchString(string(text)))
	}
	return n.slow.Exec(frame)
}

// fallback is an expression of the form lookup(..).?field.orValue(literal).
type fallback struct {
	lookup int64 // the node of the call
	field  string
	or     ref.Val
}

// fallbackOf recognizes one.
func (c *Compiler) fallbackOf(e ast.Expr) (fallback, bool) {
	call := e.AsCall()
	if !call.IsMemberFunction() || call.FunctionName() != "orValue" || len(call.Args()) != 1 || call.Args()[0].Kind() != ast.LiteralKind {
		return fallback{}, false
	}
	of, field, ok := selected(call.Target())
	if !ok || call.Target().Kind() != ast.CallKind || of.Kind() != ast.CallKind || of.AsCall().IsMemberFunction() {
		return fallback{}, false
	}
	l := c.lookups[of.AsCall().FunctionName()]
	return fallback{of.ID(), field, call.Args()[0].AsLiteral()}, l != nil && l.Table != nil && l.Form == OneRow
}

// answerNode reads one field of a row that is looked up.
type answerNode struct {
	fastNode
	ask  *lookupNode
	read reader
	or   ref.Val
}

// Eval implements the library's node.
func (n *answerNode) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, n.Exec)
}

// Exec implements the library's node.
func (n *answerNode) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	v := varsOf(frame)
	rows, other := n.ask.rows(frame, v)
	switch {
	case other != nil:
		return other
	case len(rows) == 0:
		return n.or
	case len(rows) > 1:
		return n.ask.lookup.answer(v, rows)
	}
	if out := n.read(v, rows[0]); out != types.NullValue {
		return out
	}
	return n.or
}
