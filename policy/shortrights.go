package policy

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"writegate/policy/internal/near"
	"writegate/policy/internal/tree"
)

// rowAt is a row in an expression: the row of the operation, or the one above another.
type rowAt struct {
	table  *shortTable
	below  *rowAt // nil for the row of the operation
	column word   // of the row below, which points here
	lookup string // the name of the lookup that finds it
	by     string // by this column
}

// above is the row that the rights of a row follow from.
func (r *rowAt) above() *rowAt {
	up, column := r.table.above, r.table.parent.column
	out := &rowAt{table: up, below: r, column: column, lookup: identifier(up.name) + "_row", by: up.key}
	references := r.table.node.Get("columns").Get(column.text).Get("references")
	if to := references.Get("column"); to != nil && references.Get("table").Text == up.name && to.Text != up.key {
		out.by, out.lookup = to.Text, identifier(up.name)+"_by_"+identifier(to.Text)
	}
	return out
}

// call is a lookup by a column of a row. It finds nothing when one of the rows between is not there.
func (s *shortener) call(lookup string, r *rowAt, column word) string {
	return s.within(r, column, func(at string) string { return lookup + "(" + at + ")" })
}

// within puts a lookup by a column of a row into the lookups that find the row.
func (s *shortener) within(r *rowAt, column word, call func(at string) string) string {
	if r.below == nil {
		return call("row" + selected(column.text))
	}
	s.declared(r, column)
	return s.within(r.below, r.column, func(at string) string {
		return r.lookup + "(" + at + ").optFlatMap(up, " + call("up"+selected(column.text)) + ")"
	})
}

// declared has the lookup of a row select a column.
func (s *shortener) declared(r *rowAt, column word) {
	at := r.below.table.parent.table.pos
	s.lookup(r.lookup, at, r.table.name, []tree.Field{tree.NewField(r.by, tree.NewScalar(at, "$id"))})
	s.wanted(r.lookup, column)
}

// isMe asks whether a column is the caller.
func (s *shortener) isMe(r *rowAt, column word) string {
	if r.below == nil {
		return "row" + selected(column.text) + " == " + s.me
	}
	s.declared(r, column)
	return s.call(r.lookup, r.below, r.column) + optionally(column.text) + " == optional.of(" + s.me + ")"
}

// owner is the condition that a row belongs to the caller, empty where rows belong to nobody.
func (s *shortener) owner(r *rowAt) string {
	switch {
	case r.table.owner.text != "" && r.table.above != nil:
		return s.isMe(r, r.table.owner) + " && " + either(true, s.seen(r.above()))
	case r.table.owner.text != "":
		return s.isMe(r, r.table.owner)
	case r.table.above != nil:
		return s.owner(r.above())
	}
	return ""
}

// member is the condition that the caller has a role among the members of a row, or of one above it.
func (s *shortener) member(r *rowAt, role string, own bool) string {
	here, up := "", ""
	if m := r.table.members; m != nil && own {
		switch {
		case m.role.text != "":
			here = s.share(m, r) + optionally(m.role.text) + `.orValue("") == ` + strconv.Quote(role)
			s.wanted(m.lookup(), m.role)
		case role == anyMember:
			here = s.share(m, r) + ".hasValue()"
		}
	}
	if r.table.above != nil {
		up = s.member(r.above(), role, true)
	}
	return either(false, here, up)
}

// seen is the condition that the caller may know of a row.
func (s *shortener) seen(r *rowAt) string {
	own, shared, up := "", "", ""
	if r.table.above != nil {
		up = s.seen(r.above())
	} else {
		own = s.owner(r)
	}
	if m := r.table.members; m != nil {
		shared = s.share(m, r) + ".hasValue()"
	}
	return either(false, own, shared, up)
}

// anyMember is the role of every member where members have none.
const anyMember = "member"

func (m *membership) lookup() string { return identifier(m.of.name) + "_member" }

// share looks up whether the caller is a member. What points to a row often points to its members as well.
func (s *shortener) share(m *membership, r *rowAt) string {
	s.lookup(m.lookup(), m.table.pos, m.table.text, append([]tree.Field{
		tree.NewField(m.key.text, tree.NewScalar(m.key.pos, "$id")), tree.NewField(m.user.text, tree.NewScalar(m.user.pos, "$"+s.me)),
	}, m.where...))
	if r.below != nil && r.by == r.table.key {
		return s.call(m.lookup(), r.below, r.column)
	}
	return s.call(m.lookup(), r, word{r.table.key, m.table.pos})
}

// lookup declares a lookup by one argument, once.
func (s *shortener) lookup(name string, at tree.Pos, table string, where []tree.Field) {
	made := tree.NewMap(at, tree.NewField("table", tree.NewScalar(at, table)),
		tree.NewField("args", tree.NewList(at, tree.NewScalar(at, "id"))), tree.NewField("where", tree.NewMap(at, where...)))
	for _, f := range s.lookups {
		if f.Name != name {
			continue
		}
		if !bytes.Equal(f.Value.Without("select").Canonical(), made.Canonical()) {
			s.fault(at, "lookups."+name, "", "two tables would have a lookup %s; give one of them another name for clients", name)
		}
		return
	}
	s.lookups = append(s.lookups, tree.NewField(name, made))
}

// wanted has a lookup select a column.
func (s *shortener) wanted(lookup string, column word) {
	for i := range s.lookups {
		l := &s.lookups[i]
		if l.Name != lookup {
			continue
		}
		selects := l.Value.Get("select")
		if selects == nil || !slices.ContainsFunc(selects.Items, func(n *tree.Node) bool { return n.Text == column.text }) {
			l.Value = add(l.Value, "select", tree.NewScalar(column.pos, column.text))
		}
	}
}

// either joins the conditions that are there. Inside of another one they are kept together.
func either(inside bool, conditions ...string) string {
	conditions = slices.DeleteFunc(slices.Compact(conditions), func(c string) bool { return c == "" })
	text := strings.Join(conditions, " || ")
	if inside && strings.Contains(text, " || ") {
		return "(" + text + ")"
	}
	return text
}

// identifier makes a name of a table part of the name of a lookup.
func identifier(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}

// selected is a field as expressions select it.
func selected(name string) string {
	if name == identifier(name) && name != "in" && name != "true" && name != "false" && name != "null" && name != "" && (name[0] < '0' || name[0] > '9') {
		return "." + name
	}
	return ".`" + name + "`"
}

// optionally is a field that may not be there.
func optionally(name string) string { return ".?" + selected(name)[1:] }

// known lists the roles that allow: can name, and says whether there can be others.
func (s *shortener) known(t *shortTable) (names []string, open bool) {
	names = slices.Clone(s.roles)
	for at := t; at != nil; at = at.above {
		if at.owner.text != "" && !slices.Contains(names, ownerRole) {
			names = append(names, ownerRole)
		}
		if at.members == nil {
			continue
		}
		if at.members.role.text == "" {
			names = append(names, anyMember)
			continue
		}
		roles := s.rolesOf(at.members)
		open = open || roles == nil
		for _, n := range roles {
			names = append(names, n.Text)
		}
	}
	return names, open
}

const ownerRole = "owner"

// rolesOf lists the roles of members where the policy says which there are.
func (s *shortener) rolesOf(m *membership) []*tree.Node {
	for _, t := range s.tables {
		if t.name != m.table.text {
			continue
		}
		for _, f := range t.details {
			if f.Name == m.role.text {
				return f.Value.Get("enum").All()
			}
		}
		return t.node.Get("columns").Get(m.role.text).Get("enum").All()
	}
	return nil
}

// unknown reports a role that nobody can have.
func (s *shortener) unknownRole(t *shortTable, role word) bool {
	names, open := s.known(t)
	if open && role.text != ownerRole || slices.Contains(names, role.text) {
		return false
	}
	there := "there is none"
	if len(names) > 0 {
		there = "there are " + strings.Join(names, ", ")
	}
	s.fault(role.pos, t.path+".allow", "P110", "nobody can be %s here%s; %s", role.text, near.Hint(role.text, names), there)
	return true
}
