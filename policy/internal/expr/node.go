package expr

import (
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"writegate"
)

// planner puts our own nodes into a program: reading a field of a variable and asking a lookup need none of the
// library's general machinery, and only so can they answer that something is not known yet.
type planner struct {
	table *Table
	facts *facts
	quick bool // the program needs no cost counted
	asked map[int64]*lookupNode
}

func (p *planner) decorate(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	if a, ok := i.(interpreter.InterpretableAttribute); ok {
		if n := p.field(a); n != nil {
			return n, nil
		}
		return i, nil
	}
	if call, ok := i.(interpreter.InterpretableCall); ok {
		if l := p.table.compiler.lookups[call.Function()]; l != nil {
			p.asked[i.ID()] = &lookupNode{id: i.ID(), lookup: l, args: call.Args()}
			return p.asked[i.ID()], nil
		}
	}
	if p.quick {
		if n := p.fast(i); n != nil {
			return n, nil
		}
	}
	return i, nil
}

// field recognizes variable.field, variable.?field and has(variable.field).
func (p *planner) field(i interpreter.InterpretableAttribute) interpreter.InterpretableV2 {
	attr, ok := i.Attr().(interpreter.NamespacedAttribute)
	if !ok || len(attr.Qualifiers()) != 1 || len(attr.CandidateVariableNames()) != 1 {
		return nil
	}
	q, ok := attr.Qualifiers()[0].(interpreter.ConstantQualifier)
	if !ok {
		return nil
	}
	name, ok := q.Value().(types.String)
	if !ok {
		return nil
	}
	n := &fieldNode{id: q.ID(), optional: q.IsOptional(), test: p.facts.tests[q.ID()]}
	variable := attr.CandidateVariableNames()[0]
	if n.read, n.row = p.table.reader(variable, string(name)); n.read == nil {
		return nil
	}
	n.plain = p.table.plain(variable, string(name))
	return n
}

// reader finds out how to read a field of a variable, nil when there is none.
func (t *Table) reader(variable, field string) (reader, func(*Vars) writegate.Row) {
	none := func(*Vars) writegate.Row { return nil }
	switch variable {
	case "claims":
		return t.compiler.claims.read[field], none
	case "op":
		return opType().read[field], none
	case "req":
		return reqType().read[field], none
	}
	if t.meta == nil {
		return nil, nil
	}
	switch variable {
	case changedName:
		return t.changed.read[field], none
	case "old":
		return t.row.read[field], func(v *Vars) writegate.Row { return v.old }
	case "new":
		return t.row.read[field], func(v *Vars) writegate.Row { return v.new }
	case "row":
		return t.row.read[field], func(v *Vars) writegate.Row { return v.row }
	}
	return nil, nil
}

// plain finds out how to read a field as it is stored, nil when it has to be made a value of the library.
func (t *Table) plain(variable, field string) func(*Vars, writegate.Row) any {
	switch {
	case variable == "claims":
		i := slices.Index(t.compiler.claims.order, field)
		return func(v *Vars, _ writegate.Row) any { return v.plain[i] }
	case rowNames[variable] != 0:
		c := t.meta.Column(field)
		return (&columnField{name: field, typ: c.Type, key: field == t.meta.Key}).plain
	}
	return nil
}

// varsOf finds the variables of an evaluation, outside or inside of a loop.
func varsOf(frame *interpreter.ExecutionFrame) *Vars {
	if v, ok := frame.Scope().(*Vars); ok {
		return v
	}
	v, _ := frame.ResolveName(varsName)
	return v.(*Vars)
}

// fieldNode reads a field of a variable.
type fieldNode struct {
	id             int64
	read           reader
	plain          func(*Vars, writegate.Row) any
	row            func(*Vars) writegate.Row
	optional, test bool
}

// ID implements the library's node.
func (n *fieldNode) ID() int64 { return n.id }

// Eval implements the library's node.
func (n *fieldNode) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, n.Exec)
}

// Exec implements the library's node.
func (n *fieldNode) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	v := varsOf(frame)
	out := n.read(v, n.row(v))
	if (n.test || n.optional) && !types.IsUnknownOrError(out) {
		switch {
		case n.test:
			out = types.Bool(out != types.NullValue)
		case out == types.NullValue:
			out = types.OptionalNone
		default:
			out = types.OptionalOf(out)
		}
	}
	if cost := frame.CostTracker(); cost != nil {
		cost.EvalAttribute(n.id, n.test, out)
	}
	return out
}

// lookupNode asks a lookup. All arguments are looked at, so that what they ask is asked too.
type lookupNode struct {
	id     int64
	lookup *lookup
	args   []interpreter.InterpretableV2
}

// ID implements the library's node.
func (n *lookupNode) ID() int64 { return n.id }

// Eval implements the library's node.
func (n *lookupNode) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, n.Exec)
}

// Function implements the library's call, for the count of its cost.
func (n *lookupNode) Function() string { return n.lookup.Name }

// OverloadID implements the library's call, for the count of its cost.
func (n *lookupNode) OverloadID() string { return "" }

// Args implements the library's call, for the count of its cost.
func (n *lookupNode) Args() []interpreter.InterpretableV2 { return n.args }

// Exec implements the library's node.
func (n *lookupNode) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	v := varsOf(frame)
	rows, out := n.rows(frame, v)
	if out == nil {
		out = n.lookup.answer(v, rows)
	}
	if cost := frame.CostTracker(); cost != nil {
		cost.EvalVarArgs(frame, n.id, n, nil, out)
	}
	return out
}

// rows asks for the rows, or says what is the answer instead.
func (n *lookupNode) rows(frame *interpreter.ExecutionFrame, v *Vars) ([]writegate.Row, ref.Val) {
	var few [4]ref.Val
	args := few[:0]
	var failed, open ref.Val
	for _, a := range n.args {
		arg := a.Exec(frame)
		switch {
		case types.IsError(arg) && failed == nil:
			failed = arg
		case types.IsUnknown(arg):
			open = arg
		}
		args = append(args, arg)
	}
	switch {
	case failed != nil:
		return nil, failed
	case open != nil:
		return nil, open
	}
	return n.lookup.find(v, args)
}
