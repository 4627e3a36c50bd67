package policy

import (
	"slices"
	"strings"

	"writegate"
	"writegate/policy/internal/expr"
)

// finish computes what follows from the rest.
func (t *table) finish() {
	t.programs = map[writegate.Verb][]*expr.Program{
		writegate.Insert: t.gather(writegate.Insert), writegate.Update: t.gather(writegate.Update), writegate.Remove: t.gather(writegate.Remove),
	}
	t.needsChange, t.needsRemove = t.reads(writegate.Update), t.reads(writegate.Remove)
	for _, r := range slices.Concat(t.updates, t.undeletes) {
		t.replaces(r)
		for _, c := range r.replaced {
			t.needsChange = append(t.needsChange, c.Name)
		}
	}
	if t.states != nil {
		t.needsChange = append(t.needsChange, t.states.col.Name)
	}
	t.needsChange, t.needsRemove = append(t.needsChange, t.accounts()...), append(t.needsRemove, t.accounts()...)
	t.needsRemove, t.needsChange = t.distinct(t.needsRemove), t.distinct(t.needsChange)
}

// replaces lists what a replacing PUT sets to null when it leaves it out.
func (t *table) replaces(r *rule) {
	if t.engine.put != putReplace || r.replaced != nil {
		return
	}
	for name := range r.columns {
		if c := t.columns[name]; c.Nullable && !c.immutable && !c.managed {
			r.replaced = append(r.replaced, c)
		}
	}
	slices.SortFunc(r.replaced, func(a, b *column) int { return strings.Compare(a.Name, b.Name) })
}

// reads lists the columns of a stored row that decisions about it look at or may write. Names may repeat.
func (t *table) reads(verb writegate.Verb) (names []string) {
	for _, p := range t.programs[verb] {
		names = append(names, p.Reads...)
	}
	for _, s := range t.sets[verb] {
		for _, v := range s.values {
			names = append(names, v.col.Name)
		}
	}
	if t.soft != nil {
		names = append(names, t.soft.col.Name)
	}
	return names
}

// gather lists the conditions and values that an operation of one kind may run, each once.
func (t *table) gather(verb writegate.Verb) (out []*expr.Program) {
	seen := map[*expr.Program]bool{nil: true}
	add := func(list ...*expr.Program) {
		for _, p := range list {
			if !seen[p] {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	says := func(m *message) {
		if m != nil {
			add(m.say)
		}
	}
	switch verb {
	case writegate.Insert:
		for _, r := range t.creates {
			add(r.create)
			says(r.message)
		}
		for _, v := range t.defaults {
			add(v.run)
		}
	case writegate.Update:
		for _, r := range slices.Concat(t.updates, t.undeletes) {
			add(r.old, r.update)
			says(r.message)
		}
	case writegate.Remove:
		for _, r := range t.removes {
			add(r.old)
		}
		if t.soft != nil {
			add(t.soft.value)
		}
	}
	if verb != writegate.Insert {
		add(t.shown()...)
	}
	for _, s := range t.sets[verb] {
		add(s.when)
		for _, v := range s.values {
			add(v.run)
		}
	}
	if t.states != nil && verb != writegate.Remove {
		t.states.programs(verb, add)
	}
	for _, g := range slices.Concat(t.forbids[verb], t.validates[verb]) {
		add(g.when, g.that, g.message.say)
	}
	return out
}

// shown are the conditions any of which shows a stored row to the caller.
func (t *table) shown() []*expr.Program {
	if t.visible != nil {
		return []*expr.Program{t.visible}
	}
	var out []*expr.Program
	for _, r := range slices.Concat(t.updates, t.removes, t.undeletes) {
		out = append(out, r.old)
	}
	return out
}

func (s *states) programs(verb writegate.Verb, add func(...*expr.Program)) {
	if verb == writegate.Insert {
		add(s.created.say)
		return
	}
	for _, m := range s.moves {
		add(m.when)
	}
	add(s.moved.say)
}

// distinct sorts names and leaves out repetitions and the columns of the key, which every row is known by.
func (t *table) distinct(names []string) []string {
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(n string) bool { return n == t.meta.Key || t.columns[n].part })
}
