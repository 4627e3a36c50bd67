package policy

import (
	"slices"

	"writegate"
	"writegate/policy/internal/tree"
)

// grant makes the rules of one role. Nobody is a member of a row before it is there.
func (s *shortener) grant(t *shortTable, n *tree.Node, g shortGrant, row *rowAt) []*tree.Node {
	if s.unknownRole(t, g.role) {
		return nil
	}
	stored, created := s.owner(row), s.owner(row)
	switch {
	case slices.Contains(s.roles, g.role.text):
		if names, _ := s.known(t); slices.Contains(names[len(s.roles):], g.role.text) {
			s.fault(g.role.pos, t.path+".allow", "", "%s is one of roles:, and somebody's part in this row as well; call one of them otherwise", g.role.text)
		}
		stored, created = "true", "true"
	case g.role.text != ownerRole || stored == "":
		stored, created = s.member(row, g.role.text, true), s.member(row, g.role.text, false)
	}
	change, create := s.verbs(t, g, created != "")
	if len(create) > 0 && stored == created {
		change, create = append(create, change...), nil
	}
	return slices.DeleteFunc([]*tree.Node{s.rule(t, n, g, g.role.text, change, stored), s.rule(t, n, g, g.role.text+"_create", create, created)},
		func(r *tree.Node) bool { return r == nil })
}

// verbs says which operations a grant is for: those that change rows, and that which makes one.
func (s *shortener) verbs(t *shortTable, g shortGrant, creates bool) (change, create []word) {
	if g.all {
		if creates {
			create = []word{{"create", g.role.pos}}
		}
		if !t.once {
			change = []word{{"update", g.role.pos}, {"delete", g.role.pos}}
		}
		return change, create
	}
	for _, w := range g.ops {
		switch {
		case w.text != "create" && t.once:
			s.fault(w.pos, t.path+".allow", "", "insert_only: true lets nobody %s", w.text)
		case w.text != "create":
			change = append(change, w)
		case !creates:
			s.fault(w.pos, t.path+".allow", "", "nobody is a member of a row before it is made, so that members can't create it")
		default:
			create = []word{w}
		}
	}
	return change, create
}

// rule writes one rule, nil when it is for no operation.
func (s *shortener) rule(t *shortTable, n *tree.Node, g shortGrant, name string, ops []word, condition string) *tree.Node {
	if len(ops) == 0 {
		return nil
	}
	at := g.role.pos
	list := tree.NewList(at)
	for _, w := range ops {
		list.Items = append(list.Items, tree.NewScalar(w.pos, w.text))
	}
	out := tree.NewMap(at, tree.NewField("name", tree.NewScalar(at, name)))
	if condition == "true" {
		out.Fields = append(out.Fields, tree.NewField("to", tree.NewList(at, tree.NewScalar(at, g.role.text))))
	}
	out.Fields = append(out.Fields, tree.NewField("ops", list), tree.NewField("row", tree.NewScalar(t.origin(), condition)))
	if condition == "true" && len(ops) == 3 {
		out.Fields = append(out.Fields, tree.NewField("acknowledge", tree.NewScalar(at, "open")))
	}
	if columns := t.columns(n, ops); len(columns) > 0 {
		list := tree.NewList(columns[0].pos)
		for _, w := range columns {
			list.Items = append(list.Items, tree.NewScalar(w.pos, w.text))
		}
		out.Fields = append(out.Fields, tree.NewField("columns", list))
	}
	return out
}

// columns are what clients may send: what write: lists and, where rows are made, the columns that say whose they are.
func (t *shortTable) columns(n *tree.Node, ops []word) []word {
	does := func(verb writegate.Verb) bool {
		return slices.ContainsFunc(ops, func(w word) bool { return verbs[w.text] == verb })
	}
	if !does(writegate.Insert) && !does(writegate.Update) {
		return nil
	}
	columns := slices.Clone(t.write)
	if !does(writegate.Insert) || slices.ContainsFunc(columns, func(w word) bool { return w.text == "*" }) {
		return columns
	}
	more := []word{t.owner}
	if t.parent != nil {
		more = append(more, t.parent.column)
	}
	for _, w := range more {
		if w.text != "" && !t.given(w.text) && !has(columns, w.text) && !mentions(n.Get("ignore"), w.text) && !mentions(n.Get("server"), w.text) {
			columns = append(columns, w)
		}
	}
	return columns
}
