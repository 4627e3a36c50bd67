package expr

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"writegate"
)

// planner puts our own nodes into a program: reading a field of a variable and asking a lookup need none of the
// library's general machinery, and only so can they answer that something is not known yet.
type planner struct {
	table *Table
	tests map[int64]bool // the nodes of has()
}

func (p *planner) decorate(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	switch i := i.(type) {
	case interpreter.InterpretableAttribute:
		if n := p.field(i); n != nil {
			return n, nil
		}
	case interpreter.InterpretableCall:
		if l := p.table.compiler.lookups[i.Function()]; l != nil {
			return &lookupNode{id: i.ID(), lookup: l, args: i.Args()}, nil
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
	n := &fieldNode{id: q.ID(), optional: q.IsOptional(), test: p.tests[q.ID()]}
	if n.read, n.row = p.table.reader(attr.CandidateVariableNames()[0], string(name)); n.read == nil {
		return nil
	}
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

// Exec implements the library's node.
func (n *lookupNode) Exec(frame *interpreter.ExecutionFrame) ref.Val {
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
	var out ref.Val
	switch {
	case failed != nil:
		out = failed
	case open != nil:
		out = open
	default:
		out = n.lookup.ask(varsOf(frame), args)
	}
	if cost := frame.CostTracker(); cost != nil {
		cost.EvalAttribute(n.id, false, out)
	}
	return out
}
