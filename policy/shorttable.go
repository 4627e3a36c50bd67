package policy

import (
	"slices"

	"writegate/policy/internal/tree"
)

// shortTable is what the short forms of a table say.
type shortTable struct {
	name    string
	path    string
	pos     tree.Pos
	node    *tree.Node // what is left of it
	key     string     // what rules call the key
	parts   []string   // of a key of several columns
	owner   word
	parent  *kinship
	above   *shortTable // the parent's table
	members *membership
	shares  []*membership // for which this table says who is a member
	grants  []shortGrant
	granted bool // allow: is there
	write   []word
	once    bool // insert_only, which is at oncePos
	oncePos tree.Pos
	rights  word         // the first short form about rights
	ignored []*tree.Node // columns that the server makes
	sets    []*tree.Node
	details []tree.Field // of columns
}

// kinship says that the rights of a table are those of a row of another one.
type kinship struct{ column, table word }

// membership says which table lists the people who share a row.
type membership struct {
	table, key, user, role word
	where                  []tree.Field
	of                     *shortTable
}

// shortGrant is one entry of allow:.
type shortGrant struct {
	role word
	ops  []word
	all  bool
	pos  tree.Pos
}

var shortKeys = []string{"owner", "parent", "members", "allow", "write", "stamp", "check", "insert_only"}

func (s *shortener) shortTable(f tree.Field) *shortTable {
	t := &shortTable{name: f.Name, path: "tables." + f.Name, pos: f.Pos, node: f.Value, key: clientKey}
	if f.Value.Kind != tree.Map {
		return t
	}
	t.node = f.Value.Without(shortKeys...)
	if len(t.node.Fields) == len(f.Value.Fields) {
		return t
	}
	t.addressed(f.Value.Get("key"))
	read := map[string]func(*tree.Node){
		"owner":       func(n *tree.Node) { t.owner = s.word(n, t.path+".owner") },
		"parent":      func(n *tree.Node) { t.parent = s.kinship(n, t.path+".parent") },
		"members":     func(n *tree.Node) { t.members = s.membership(n, t) },
		"allow":       func(n *tree.Node) { s.allow(n, t) },
		"write":       func(n *tree.Node) { t.write = s.everything(n, t.path+".write") },
		"insert_only": s.boolean(t.path+".insert_only", &t.once),
	}
	for _, g := range f.Value.Fields {
		if read[g.Name] != nil {
			read[g.Name](g.Value)
		}
		if g.Name == "insert_only" {
			t.oncePos = g.Pos
		}
		if slices.Contains([]string{"owner", "parent", "members", "allow"}, g.Name) && t.rights.text == "" {
			t.rights = word{g.Name, g.Pos}
		}
	}
	s.values(t, f.Value)
	if w := f.Value.Field("write"); w != nil && t.rights.text == "" {
		s.fault(w.Pos, t.path+".write", "", "write: is for those whom owner:, parent:, members: or allow: let write; a rule has columns:")
	}
	return t
}

// addressed finds out what rules call the key.
func (t *shortTable) addressed(key *tree.Node) {
	if n := key.Get("column"); n != nil {
		t.key = n.Text
	}
	if n := key.Get("name"); n != nil {
		t.key = n.Text
	}
	if n := key.Get("columns"); n != nil {
		for _, item := range n.Items {
			t.parts = append(t.parts, item.Text)
		}
	}
}

// given reports whether a column comes with the id of the row, and so is never written.
func (t *shortTable) given(column string) bool {
	return column == t.key || slices.Contains(t.parts, column)
}

// origin is the word that rights begin with: what is wrong with a condition is said there, once.
func (t *shortTable) origin() tree.Pos {
	switch {
	case t.owner.text != "":
		return t.owner.pos
	case t.parent != nil:
		return t.parent.column.pos
	case t.members != nil:
		return t.members.table.pos
	}
	return t.rights.pos
}

// everything reads a list of columns, or the word all.
func (s *shortener) everything(n *tree.Node, path string) (columns []word) {
	if isAll(n) {
		return []word{{"*", n.Pos}}
	}
	s.words(path, &columns)(n)
	return columns
}

func (s *shortener) kinship(n *tree.Node, path string) *kinship {
	switch {
	case !s.is(n, path, tree.Map):
		return nil
	case len(n.Fields) != 1:
		s.fault(n.Pos, path, "", "a row has one parent, as in parent: {list_id: lists}; for what else has to hold there are lookups: and forbid:")
		return nil
	}
	f := n.Fields[0]
	return &kinship{word{f.Name, f.Pos}, s.word(f.Value, path)}
}

func (s *shortener) membership(n *tree.Node, t *shortTable) *membership {
	m, path := &membership{of: t}, t.path+".members"
	into := func(w *word) func(*tree.Node) { return func(n *tree.Node) { *w = s.word(n, path) } }
	s.keys(n, path, map[string]func(*tree.Node){
		"table": into(&m.table), "key": into(&m.key), "user": into(&m.user), "role": into(&m.role),
		"where": func(n *tree.Node) {
			if s.is(n, path+".where", tree.Map) {
				m.where = n.Fields
			}
		},
	})
	if n.Kind != tree.Map {
		return nil
	}
	if m.table.text == "" || m.key.text == "" || m.user.text == "" {
		s.fault(n.Pos, path, "", "members: has a table:, the key: in which that has the id of this row, and the user: column; role: where members differ")
		return nil
	}
	return m
}

// allow reads who may do what: {role: all}, {role: [create, update]} or {role: none}.
func (s *shortener) allow(n *tree.Node, t *shortTable) {
	path := t.path + ".allow"
	t.granted = true
	if !s.is(n, path, tree.Map) {
		return
	}
	for _, f := range n.Fields {
		g := shortGrant{role: word{f.Name, f.Pos}, pos: f.Value.Pos}
		switch {
		case isAll(f.Value):
			g.all = true
		case f.Value.Kind == tree.Scalar && f.Value.Text == "none":
		default:
			var known ops
			before := len(s.faults)
			s.ruleOps(path, &known)(f.Value)
			for _, item := range append(f.Value.Items, f.Value) {
				if item.Kind == tree.Scalar && len(s.faults) == before {
					g.ops = append(g.ops, word{item.Text, item.Pos})
				}
			}
		}
		t.grants = append(t.grants, g)
	}
}
