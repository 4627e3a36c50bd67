package policy

import (
	"slices"
	"strconv"

	"writegate/policy/internal/tree"
)

// table writes the long form of one table. What the file says itself comes first, but for rules and guards.
func (s *shortener) table(t *shortTable) *tree.Node {
	n := t.node
	if n.Kind != tree.Map {
		return n
	}
	s.askForMe(t)
	n = s.fixed(t, n)
	for _, f := range t.details {
		n = s.detail(t, n, f)
	}
	n = s.ignore(t, n)
	n = add(n, "set", t.sets...)
	rules := s.rules(t, n)
	if condition := s.visible(t); condition != "" && n.Get("visible") == nil {
		n = n.With(tree.NewField("visible", tree.NewScalar(t.origin(), condition)))
	}
	n = s.grown(t, n)
	n = ahead(n, "forbid", s.guard(t))
	return ahead(starred(n), "rules", rules)
}

// grown has a table only grow: what comes again does nothing, and no rule is for more than creates.
func (s *shortener) grown(t *shortTable, n *tree.Node) *tree.Node {
	if !t.once {
		return n
	}
	for _, rule := range n.Get("rules").All() {
		for _, op := range rule.Get("ops").All() {
			if op.Text != "create" {
				s.fault(op.Pos, t.path+".rules", "", "insert_only: true lets nobody %s", op.Text)
			}
		}
	}
	if n.Get("put_existing") != nil {
		return n
	}
	return n.With(tree.NewField("put_existing", tree.NewScalar(t.oncePos, "ignore")))
}

// starred writes columns: all of rules as the list that it is.
func starred(n *tree.Node) *tree.Node {
	rules := n.Field("rules")
	if rules == nil || rules.Value.Kind != tree.List {
		return n
	}
	list := tree.NewList(rules.Value.Pos)
	for _, rule := range rules.Value.Items {
		if c := rule.Field("columns"); c != nil && isAll(c.Value) {
			rule = rule.With(tree.Field{Name: c.Name, Pos: c.Pos, Value: tree.NewList(c.Value.Pos, tree.NewScalar(c.Value.Pos, "*"))})
		}
		list.Items = append(list.Items, rule)
	}
	return n.With(tree.Field{Name: rules.Name, Pos: rules.Pos, Value: list})
}

// isAll tells the word from a list of a column that is called so.
func isAll(n *tree.Node) bool { return n.Kind == tree.Scalar && n.Text == "all" }

// ahead is like add, but the items come before those of the file.
func ahead(n *tree.Node, name string, items []*tree.Node) *tree.Node {
	old := n.Get(name)
	if len(items) == 0 || old != nil && old.Kind != tree.List {
		return n
	}
	if old != nil {
		items = append(items, old.Items...)
	}
	return add(n.Without(name), name, items...)
}

func (s *shortener) askForMe(t *shortTable) {
	if s.me == "" && (t.owner.text != "" || t.members != nil) {
		s.fault(t.rights.pos, t.path, "", "%s: has to know who the caller is: say me: sub at the top, or the claim of the token that has it", t.rights.text)
		s.me = "claims.me"
	}
}

// fixed are the columns that a row's rights hang on: they never change, and a row belongs to whoever made it.
func (s *shortener) fixed(t *shortTable, n *tree.Node) *tree.Node {
	columns := []word{t.owner}
	if t.parent != nil {
		columns = append(columns, t.parent.column)
	}
	for _, m := range t.shares {
		columns = append(columns, word{m.key.text, m.table.pos}, word{m.user.text, m.table.pos})
	}
	for _, w := range columns {
		if w.text != "" && !t.given(w.text) && !mentions(n.Get("immutable"), w.text) {
			n = add(n, "immutable", tree.NewScalar(w.pos, w.text))
		}
	}
	if t.owner.text == "" || t.given(t.owner.text) {
		return n
	}
	if other := n.Get("default").Field(t.owner.text); other != nil {
		s.fault(other.Pos, t.path+".default", "", "owner: says that %s is whoever makes the row; take one of the two away", t.owner.text)
		return n
	}
	return extend(n, "default", tree.Field{Name: t.owner.text, Pos: t.owner.pos, Value: tree.NewScalar(t.owner.pos, s.me)})
}

// mentions reports whether a list, or a single word, has a word.
func mentions(n *tree.Node, text string) bool {
	return slices.ContainsFunc(n.All(), func(item *tree.Node) bool { return item.Text == text })
}

func (s *shortener) visible(t *shortTable) string {
	if t.owner.text == "" && t.members == nil && t.above == nil {
		return ""
	}
	return s.seen(&rowAt{table: t})
}

// guard keeps people from making themselves members, or more than they are.
func (s *shortener) guard(t *shortTable) (guards []*tree.Node) {
	for i, m := range t.shares {
		at, name := m.table.pos, "self_share"
		if i > 0 {
			name += strconv.Itoa(i + 1)
		}
		when := "new" + selected(m.user.text) + " == " + s.me
		on := []*tree.Node{tree.NewScalar(at, "create")}
		if m.role.text != "" {
			on = append(on, tree.NewScalar(at, "update"))
			when += ` && (op.is_create || changed("` + m.role.text + `"))`
		}
		guards = append(guards, tree.NewMap(at,
			tree.NewField("name", tree.NewScalar(at, name)), tree.NewField("on", tree.NewList(at, on...)),
			tree.NewField("when", tree.NewScalar(at, when)), tree.NewField("code", tree.NewScalar(at, "share.self")),
			tree.NewField("message", tree.NewScalar(at, "Nobody can make or change a share of their own."))))
	}
	return guards
}

// rules are the grants of a table.
func (s *shortener) rules(t *shortTable, n *tree.Node) (rules []*tree.Node) {
	if t.rights.text == "" {
		return nil
	}
	row := &rowAt{table: t}
	owner := s.owner(row)
	switch {
	case t.parent != nil && t.above == nil:
		return nil // reported
	case t.above != nil && s.seen(row) == "" && !t.orphaned():
		s.fault(t.parent.table.pos, t.path+".parent", "", "rows of %s belong to nobody: say owner:, members: or parent: there", t.above.name)
		return nil
	case !t.granted && owner != "":
		t.grants = []shortGrant{{role: word{ownerRole, t.rights.pos}, all: true}}
	case t.owner.text != "" && !slices.ContainsFunc(t.grants, func(g shortGrant) bool { return g.role.text == ownerRole }):
		s.fault(t.rights.pos, t.path+".allow", "", "allow: lists all who may write, and not the owner; say owner: all, or owner: none")
	}
	for _, g := range t.grants {
		rules = append(rules, s.grant(t, n, g, row)...)
	}
	return rules
}

// orphaned reports whether a table above has a parent that can't be.
func (t *shortTable) orphaned() bool {
	for ; t.above != nil; t = t.above {
		if t.above.parent != nil && t.above.above == nil {
			return true
		}
	}
	return false
}
