package policy

import (
	"slices"
	"strings"

	"writegate/policy/internal/near"
	"writegate/policy/internal/tree"
)

// shortener writes the long form of a policy that has short ones, before anything is read: so there is one language to
// read, to check and to run, and a short form means what its expansion says. What stands for a word of the file keeps
// the place of that word, and what is wrong with it is reported there.
type shortener struct {
	*reader
	me      string   // the expression of the caller, empty when the policy names none
	roles   []string // of claims
	tables  []*shortTable
	lookups []tree.Field
}

// lengthen returns the policy in the long form. What has the wrong shape is left as it is: the reader says so.
func (r *reader) lengthen(root *tree.Node) *tree.Node {
	if root.Kind != tree.Map {
		return root
	}
	s := &shortener{reader: r}
	root = s.caller(root)
	if roles := root.Get("roles"); roles != nil {
		for _, f := range roles.Fields {
			s.roles = append(s.roles, f.Name)
		}
	}
	tables := root.Field("tables")
	if tables == nil || tables.Value.Kind != tree.Map {
		return root
	}
	for _, f := range tables.Value.Fields {
		s.tables = append(s.tables, s.shortTable(f))
	}
	for _, t := range s.tables {
		s.relate(t)
	}
	long := tree.NewMap(tables.Value.Pos)
	for _, t := range s.tables {
		long.Fields = append(long.Fields, tree.Field{Name: t.name, Pos: t.pos, Value: s.table(t)})
	}
	return s.declare(root.With(tree.Field{Name: "tables", Pos: tables.Pos, Value: long}))
}

// caller reads me: claim, or me: {claim: name, type: text}, which declares the claim that says who the caller is.
func (s *shortener) caller(root *tree.Node) *tree.Node {
	declared := root.Get("claims").Field("me")
	if declared != nil {
		s.me = "claims.me"
	}
	f := root.Field("me")
	if f == nil {
		return root
	}
	claim, typ := f.Value, tree.NewScalar(f.Pos, "text")
	if f.Value.Kind == tree.Map {
		claim = nil
		s.keys(f.Value, "me", map[string]func(*tree.Node){
			"claim": func(n *tree.Node) { claim = n },
			"type":  func(n *tree.Node) { typ = n },
		})
	}
	switch {
	case declared != nil:
		s.fault(f.Pos, "me", "", "me: declares the claim me, and claims: has one of that name")
	case claim == nil:
		s.fault(f.Pos, "me", "", "the key claim: is missing: the part of the token that says who somebody is, such as sub")
	case claim.Kind == tree.Null:
		s.fault(claim.Pos, "me", "", "expected the name of a claim, such as sub, found %s", claim.Kind)
	}
	if declared != nil || claim == nil {
		return root.Without("me")
	}
	s.me = "claims.me"
	return extend(root.Without("me"), "claims", tree.Field{Name: "me", Pos: f.Pos, Value: tree.NewMap(f.Pos,
		tree.NewField("path", claim), tree.NewField("type", typ), tree.NewField("required", tree.NewScalar(f.Pos, "true")))})
}

// declare adds the lookups that the rights of tables need.
func (s *shortener) declare(root *tree.Node) *tree.Node {
	for _, l := range s.lookups {
		for _, key := range []string{"lookups", "defs"} {
			if taken := root.Get(key).Field(l.Name); taken != nil {
				s.fault(taken.Pos, key+"."+l.Name, "", "the name %s is taken by a lookup that owner:, parent: or members: stands for", l.Name)
			}
		}
	}
	if len(s.lookups) == 0 {
		return root
	}
	return extend(root, "lookups", s.lookups...)
}

// find returns a table of the policy, or reports that there is none.
func (s *shortener) find(w word, path string) *shortTable {
	names := make([]string, len(s.tables))
	for i, t := range s.tables {
		if names[i] = t.name; t.name == w.text {
			return t
		}
	}
	s.fault(w.pos, path, "P100", "the policy has no table %s%s; list it under tables:, if only to refer to it", w.text, near.Hint(w.text, names))
	return nil
}

// maxAbove bounds what is written for one word. Lookups that hang on one another are bounded before.
const maxAbove = 8

// relate connects a table with those that its rights follow from.
func (s *shortener) relate(t *shortTable) {
	if t.members != nil {
		for _, m := range s.tables { // a table that nobody writes need not be there
			if m.name == t.members.table.text {
				m.shares = append(m.shares, t.members)
			}
		}
	}
	if t.parent == nil {
		return
	}
	path := t.path + ".parent"
	t.above = s.find(t.parent.table, path)
	if t.above != nil && t.above.parts != nil {
		s.fault(t.parent.table.pos, path, "", "rows of %s are known by several columns, which one column can't point to; write a lookup and rules", t.above.name)
	}
	names := []string{t.name}
	for at := t.above; at != nil; at = at.above {
		if slices.Contains(names, at.name) {
			s.fault(t.parent.table.pos, path, "", "parents go round in a circle: %s", strings.Join(append(names, at.name), ", "))
			t.above = nil
			return
		}
		if names = append(names, at.name); len(names) > maxAbove {
			s.fault(t.parent.table.pos, path, "P131", "rights follow at most %d rows one above the other", maxAbove)
			t.above = nil
			return
		}
	}
}

// extend returns a map in which a field, itself a map, has more fields. What is no map is left to the reader.
func extend(n *tree.Node, name string, more ...tree.Field) *tree.Node {
	old := n.Field(name)
	if old == nil {
		f := tree.NewField(name, tree.NewMap(more[0].Pos, more...))
		if n.Field("tables") != nil {
			return n.Before("tables", f)
		}
		return n.With(f)
	}
	if old.Value.Kind != tree.Map {
		return n
	}
	value := *old.Value
	value.Fields = append(slices.Clone(value.Fields), more...)
	return n.With(tree.Field{Name: name, Pos: old.Pos, Value: &value})
}

// add returns a map in which a field, itself a list, has more items. A single word stands for a list of one.
func add(n *tree.Node, name string, more ...*tree.Node) *tree.Node {
	old := n.Field(name)
	if len(more) == 0 {
		return n
	}
	if old == nil {
		return n.With(tree.NewField(name, tree.NewList(more[0].Pos, more...)))
	}
	value := *old.Value
	switch value.Kind {
	case tree.Scalar:
		value = *tree.NewList(value.Pos, old.Value)
	case tree.List:
	case tree.Map, tree.Null:
		return n
	}
	value.Items = append(slices.Clone(value.Items), more...)
	return n.With(tree.Field{Name: name, Pos: old.Pos, Value: &value})
}
