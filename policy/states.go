package policy

import (
	"errors"
	"maps"
	"slices"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/tree"
)

// statesSpec is what states: says.
type statesSpec struct {
	pos            tree.Pos
	path           string
	column         word
	initial, final []word
	moves          []moveSpec
	message        messageSpec
}

type moveSpec struct {
	from, to []word
	when     *tree.Node
	path     string
}

// states are the values that a column goes through.
type states struct {
	col     *column
	initial []any
	moves   []move
	// created and moved say that a row can't begin in its state, or can't get to it.
	created, moved message
}

// move is a way from some states to others, under a condition.
type move struct {
	from, to []any
	when     *expr.Program
}

func (r *reader) states(path string, into **statesSpec) func(*tree.Node) {
	return func(n *tree.Node) {
		s := &statesSpec{pos: n.Pos, path: path + ".states"}
		var moves *tree.Node
		r.keys(n, s.path, r.withMessage(s.path, &s.message, map[string]func(*tree.Node){
			"column":      func(n *tree.Node) { s.column = r.word(n, s.path) },
			"initial":     r.some(s.path+".initial", &s.initial),
			"final":       r.some(s.path+".final", &s.final),
			"transitions": func(n *tree.Node) { moves = n },
		}))
		if n.Kind != tree.Map {
			return
		}
		if s.column.text == "" {
			r.fault(n.Pos, s.path, "", "the key column: is missing")
		}
		if s.initial == nil {
			r.fault(n.Pos, s.path, "", "the key initial: is missing; it lists the states that a row can be created in")
		}
		if moves == nil {
			r.fault(n.Pos, s.path, "", "the key transitions: is missing; it lists the ways from one state to another")
		} else if r.is(moves, s.path, tree.List) {
			for _, item := range moves.Items {
				r.move(item, s)
			}
		}
		s.message.field = s.column
		*into = s
	}
}

func (r *reader) move(n *tree.Node, s *statesSpec) {
	m := moveSpec{path: s.path + ".transitions"}
	r.keys(n, m.path, map[string]func(*tree.Node){
		"from": r.some(m.path+".from", &m.from),
		"to":   r.some(m.path+".to", &m.to),
		"if":   r.expr(m.path+".if", &m.when),
	})
	if n.Kind == tree.Map && (m.from == nil || m.to == nil) {
		r.fault(n.Pos, m.path, "", "a transition has from: and to:")
	}
	s.moves = append(s.moves, m)
}

// states binds states:.
func (b *tableBinder) states(spec *statesSpec) *states {
	col := b.column(spec.column, spec.path+".column")
	if col == nil {
		return nil
	}
	switch col.Type {
	case writegate.Document, writegate.List, writegate.Binary, writegate.Timestamp, writegate.Float, writegate.Decimal:
		b.fault(spec.column.pos, spec.path, "P102", "a state is a word or a whole number, but %s is %s", col.Name, col.Type)
		return nil
	}
	s := &states{col: col}
	g := graph{ways: map[string][]string{}, final: spec.final}
	s.initial = b.stateValues(spec, col, spec.initial, &g.initial)
	b.stateValues(spec, col, spec.final, new([]string))
	for i := range spec.moves {
		m := &spec.moves[i]
		var from, to []string
		bound := move{from: b.stateValues(spec, col, m.from, &from), to: b.stateValues(spec, col, m.to, &to)}
		if m.when != nil {
			bound.when = b.condition(m.when, m.path+".if", newScope(writegate.Update))
		}
		for _, w := range from {
			g.ways[w] = append(g.ways[w], to...)
		}
		s.moves = append(s.moves, bound)
	}
	for _, w := range spec.final {
		if len(g.ways[w.text]) > 0 {
			b.fault(w.pos, spec.path+".final", "", "%q is listed under final:, but a transition leads out of it", w.text)
		}
	}
	b.doubts(spec, col, &g)
	s.moved = b.message(&spec.message, "states", spec.path, newScope(writegate.Update))
	s.created = s.moved
	if spec.message.expr != nil { // what speaks of the old state has nothing to say of a new row
		s.created.say, _ = b.expr.Text(spec.message.expr.Text, newScope(writegate.Insert))
	}
	return s
}

// stateValues makes stored values of states, and lists those that the column can have.
func (b *tableBinder) stateValues(spec *statesSpec, col *column, list []word, names *[]string) []any {
	var out []any
	for _, w := range list {
		v, err := col.Convert(w.text)
		if err != nil || col.Values != nil && !slices.Contains(col.Values, w.text) {
			b.fault(w.pos, spec.path, "P110", "%q is not a value of %s%s", w.text, col.Name, ofValues(col.Values))
			continue
		}
		out = append(out, v)
		*names = append(*names, w.text)
	}
	return out
}

// graph is what states can become.
type graph struct {
	initial []string
	ways    map[string][]string
	final   []word
}

// doubts warns of states that no row gets to, or never leaves.
func (b *tableBinder) doubts(spec *statesSpec, col *column, g *graph) {
	doubt := func(format string, args ...any) { b.warn(spec.pos, spec.path, "P210", format, args...) }
	reached := map[string]bool{}
	for next := slices.Clone(g.initial); len(next) > 0; next = next[1:] {
		if !reached[next[0]] {
			reached[next[0]] = true
			next = append(next, g.ways[next[0]]...)
		}
	}
	all := col.Values
	if all == nil {
		named := maps.Clone(reached)
		for from := range g.ways {
			named[from] = true
		}
		all = slices.Sorted(maps.Keys(named))
	}
	for _, state := range all {
		switch {
		case !reached[state]:
			doubt("state %q cannot be reached", state)
		case spec.leaves(state) || has(g.final, state):
		default:
			doubt("state %q has no way out; if it is meant as an end, list it under final:", state)
		}
	}
	if b.neverGiven(col) {
		doubt("what the database fills in for %s is not known here, so every create is refused; give it a default:", col.Name)
	}
}

// neverGiven reports whether rows are created and neither clients nor the policy give them a state.
func (b *tableBinder) neverGiven(col *column) bool {
	return len(b.out.creates) > 0 && col.HasDefault && !b.out.fills(col) &&
		!slices.ContainsFunc(b.out.creates, func(r *rule) bool { return r.columns[col.Name] })
}

// leaves reports whether any transition begins in a state, even one to a state that there is not.
func (s *statesSpec) leaves(state string) bool {
	return slices.ContainsFunc(s.moves, func(m moveSpec) bool { return has(m.from, state) })
}

var errStateUnknown = errors.New("the database fills in the state, which is not known before; a default: makes it known")

// moved checks the state of the resulting row. Old is nil for a create.
func (j *judge) moved(t *table, old, row writegate.Row) *writegate.Decision {
	s := t.states
	if s == nil {
		return nil
	}
	is, set := row[s.col.Name]
	if old == nil {
		if set && s.among(s.initial, is) {
			return nil
		}
		var cause error
		why := "A row can't begin in this state."
		if !set {
			why, cause = "A new row needs a state.", errStateUnknown
		}
		return &writegate.Decision{Refusal: j.refuse(t, &s.created, writegate.CheckViolation, "state.initial", why, cause)}
	}
	was, known := old[s.col.Name]
	switch {
	case !known && !set: // nobody writes it
		return nil
	case !known || !set:
		return &undecided
	case s.col.Equal(was, is):
		return nil
	}
	var cause error
	unsure := false
	for i := range s.moves {
		m := &s.moves[i]
		if !s.among(m.from, was) || !s.among(m.to, is) {
			continue
		}
		switch answer, err := test(m.when, j.vars); answer {
		case expr.Yes:
			return nil
		case expr.Unknown:
			unsure = true
		default:
			cause = first(cause, err)
		}
	}
	if unsure {
		return &undecided
	}
	return &writegate.Decision{Refusal: j.refuse(t, &s.moved, writegate.CheckViolation, "state.transition", "The row can't get from its state to this one.", cause)}
}

func (s *states) among(list []any, v any) bool {
	return v != nil && slices.ContainsFunc(list, func(state any) bool { return s.col.Equal(state, v) })
}
