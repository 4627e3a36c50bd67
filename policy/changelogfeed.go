package policy

import (
	"maps"
	"slices"

	"writegate"
	"writegate/policy/internal/near"
	"writegate/policy/internal/tree"
)

// feedSpec is what conflicts: or changelog: says.
type feedSpec struct {
	pos     tree.Pos
	path    string
	kind    feedKind
	table   word
	columns map[string]word // by the words of the kind; without a text where it is left out
	// perhaps is the word of which the table may lack the usual column, empty for none.
	perhaps string
}

// usually has all columns be called as is usual. That of one word may be missing.
func (s *feedSpec) usually(perhaps string) {
	s.columns, s.perhaps = make(map[string]word, len(s.kind)), perhaps
	for what, c := range s.kind {
		s.columns[what] = word{c.usual, s.pos}
	}
}

// feedKind lists what the rows of a feed tell.
type feedKind map[string]feedColumn

// feedColumn is one thing that a row tells: the name that its column usually has and the types that it may have.
type feedColumn struct {
	usual string
	of    []writegate.Type
}

var (
	feedWords     = []writegate.Type{writegate.Text}
	feedIDs       = []writegate.Type{writegate.Text, writegate.UUID, writegate.Int}
	feedDocuments = []writegate.Type{writegate.Document, writegate.Text}
	feedTimes     = []writegate.Type{writegate.Timestamp}
	feedEnds      = []writegate.Type{writegate.Timestamp, writegate.Bool, writegate.Int}

	conflictFeed = feedKind{
		"id": {"id", []writegate.Type{writegate.Text, writegate.UUID}}, "table": {"table_name", feedWords}, "row": {"row_id", feedIDs}, "type": {"conflict_type", feedWords},
		"client": {"client_data", feedDocuments}, "server": {"server_data", feedDocuments}, "resolved": {"resolved", feedEnds},
		"user": {"user_id", feedIDs}, "at": {"created_at", feedTimes},
	}
	changeFeed = feedKind{
		"id": {"id", []writegate.Type{writegate.Text, writegate.UUID}}, "table": {"table_name", feedWords}, "row": {"row_id", feedIDs}, "field": {"field_name", feedWords},
		"old": {"old_value", feedWords}, "new": {"new_value", feedWords}, "status": {"status", feedWords}, "user": {"user_id", feedIDs}, "at": {"created_at", feedTimes},
	}
)

// feed reads where rows of a kind go.
func (r *reader) feed(path string, kind feedKind, into **feedSpec) func(*tree.Node) {
	return func(n *tree.Node) {
		s := &feedSpec{pos: n.Pos, path: path, kind: kind}
		s.usually("")
		r.keys(n, path, map[string]func(*tree.Node){
			"table":       func(n *tree.Node) { s.table = r.word(n, path) },
			"user_column": func(n *tree.Node) { s.columns["user"] = r.word(n, path) },
			"columns":     func(n *tree.Node) { r.feedColumns(n, path+".columns", s) },
		})
		if n.Kind != tree.Map {
			return
		}
		if s.table.text == "" {
			r.fault(n.Pos, path, "", "the key table: is missing")
			return
		}
		r.inserts(s)
		*into = s
	}
}

func (r *reader) feedColumns(n *tree.Node, path string, s *feedSpec) {
	if !r.is(n, path, tree.Map) {
		return
	}
	allowed := slices.Sorted(maps.Keys(s.kind))
	for _, f := range n.Fields {
		switch {
		case !slices.Contains(allowed, f.Name):
			r.fault(f.Pos, path, "", "unknown key %q%s", f.Name, near.Hint(f.Name, allowed))
		case f.Value.Kind != tree.Null:
			if s.columns[f.Name] = r.word(f.Value, path); f.Name == s.perhaps {
				s.perhaps = ""
			}
		case f.Name == "id":
			r.fault(f.Pos, path, "", "every row has a key")
		default:
			delete(s.columns, f.Name)
		}
	}
}

// feeds binds conflicts: and changelog:.
func (b *binder) feed(s *feedSpec) *feed {
	if s == nil {
		return nil
	}
	meta := b.owned(s.table, s.path)
	if meta == nil {
		return nil
	}
	out := &feed{table: meta, columns: map[string]*writegate.Column{}}
	for _, what := range slices.Sorted(maps.Keys(s.columns)) {
		w := s.columns[what]
		c := meta.Column(w.text)
		fits := c != nil && (slices.Contains(s.kind[what].of, c.Type) || c.Type == writegate.Any) && (what != "resolved" || c.Type != writegate.Timestamp || c.Nullable)
		switch {
		case !fits && what == s.perhaps:
		case c == nil:
			b.fault(w.pos, s.path+".columns", "P101", "table %s has no column %q%s; columns: names another for %s, or null for none", meta.Name, w.text, near.Hint(w.text, columnNames(meta)), what)
		case !fits && c.Type == writegate.Timestamp && slices.Contains(s.kind[what].of, c.Type):
			b.fault(w.pos, s.path+".columns", "P102", "%s is null until what its row tells of is resolved, so it has to be nullable", w.text)
		case !fits:
			b.fault(w.pos, s.path+".columns", "P102", "%s is %s, which %s does not go into", w.text, c.Type, what)
		case c.Name != meta.Key:
			out.columns[what] = c
		}
	}
	for _, c := range meta.Columns {
		filled := c.Nullable || c.HasDefault || c.ReadOnly || c.Name == meta.Key || meta.IsPart(c.Name) ||
			slices.ContainsFunc(slices.Collect(maps.Values(out.columns)), func(o *writegate.Column) bool { return o == c })
		if !filled {
			b.fault(s.table.pos, s.path, "P111", "column %s of %s is not null, has no default, and nothing fills it", c.Name, meta.Name)
		}
	}
	return out
}
