package policy

import (
	"regexp"
	"slices"
	"strings"

	"writegate/policy/internal/tree"
)

// values reads stamp: and check:.
func (s *shortener) values(t *shortTable, n *tree.Node) {
	if f := n.Field("stamp"); f != nil && s.is(f.Value, t.path+".stamp", tree.Map) {
		s.stamps(t, f.Value)
	}
	if f := n.Field("check"); f != nil && s.is(f.Value, t.path+".check", tree.Map) {
		for _, g := range f.Value.Fields {
			t.details = append(t.details, tree.Field{Name: g.Name, Pos: g.Pos, Value: s.checked(g.Value, t.path+".check."+g.Name)})
		}
	}
}

// stampForm is a value, and when it is made: value, value always, or value if column.
var stampForm = regexp.MustCompile(`^(.*?)(?:\s+(always)|\s+if\s+(\w+))?$`)

// stamps reads server-made values. They are made when the row is; those with always at every change, too; those with
// if column when that becomes true, and taken back when it becomes false.
func (s *shortener) stamps(t *shortTable, n *tree.Node) {
	values := map[string][]tree.Field{}
	var whens []word
	for _, f := range n.Fields {
		path := t.path + ".stamp." + f.Name
		if f.Value.Kind != tree.Scalar {
			s.fault(f.Value.Pos, path, "", "expected me, now or an expression, found %s", f.Value.Kind)
			continue
		}
		parts := stampForm.FindStringSubmatchIndex(f.Value.Text)
		part := func(i int) word {
			if parts == nil || parts[2*i] < 0 {
				return word{}
			}
			return word{f.Value.Text[parts[2*i]:parts[2*i+1]], f.Value.Locate(1, len([]rune(f.Value.Text[:parts[2*i]])))}
		}
		value := f.Value
		switch w := part(1); {
		case w.text == "me":
			if s.me == "" {
				s.fault(w.pos, path, "", "it is not said who the caller is: say me: sub at the top, or the claim of the token that has it")
				continue
			}
			value = tree.NewScalar(w.pos, s.me)
		case parts != nil && w.text != f.Value.Text:
			value = tree.NewScalar(w.pos, w.text)
		}
		when := part(3)
		if w := part(2); w.text != "" {
			when = w
		}
		if !slices.ContainsFunc(whens, func(w word) bool { return w.text == when.text }) {
			whens = append(whens, when)
		}
		values[when.text] = append(values[when.text], tree.Field{Name: f.Name, Pos: f.Pos, Value: value})
		t.ignored = append(t.ignored, tree.NewScalar(f.Pos, f.Name))
	}
	for _, when := range whens {
		t.sets = append(t.sets, t.stamp(when, values[when.text])...)
	}
}

func (t *shortTable) stamp(when word, values []tree.Field) []*tree.Node {
	at := values[0].Pos
	set := func(condition string, values []tree.Field, ops ...string) *tree.Node {
		on := tree.NewList(at)
		for _, op := range ops {
			on.Items = append(on.Items, tree.NewScalar(at, op))
		}
		out := tree.NewMap(at, tree.NewField("on", on))
		if condition != "" {
			out.Fields = append(out.Fields, tree.NewField("when", tree.NewScalar(when.pos, condition)))
		}
		out.Fields = append(out.Fields, tree.NewField("values", tree.NewMap(at, values...)))
		return out
	}
	switch {
	case when.text == "":
		return []*tree.Node{set("", values, "create")}
	case when.text == "always" && t.node.Get("soft_delete") != nil:
		return []*tree.Node{set("", values, "create", "update", "delete")}
	case when.text == "always":
		return []*tree.Node{set("", values, "create", "update")}
	}
	none := make([]tree.Field, len(values))
	for i, f := range values {
		none[i] = tree.Field{Name: f.Name, Pos: f.Pos, Value: &tree.Node{Kind: tree.Null, Pos: f.Pos}}
	}
	changed, isTrue := `changed("`+when.text+`")`, "new"+selected(when.text)+" == true"
	sets := []*tree.Node{set(changed+" && "+isTrue, values, "create", "update")}
	if t.node.Get("default").Get(when.text) != nil { // a create may leave it to the default
		sets = []*tree.Node{set(isTrue, values, "create"), set(changed+" && "+isTrue, values, "update")}
	}
	return append(sets, set(changed+" && new"+selected(when.text)+" != true", none, "update"))
}

// ignore drops what clients send for server-made columns.
func (s *shortener) ignore(t *shortTable, n *tree.Node) *tree.Node {
	for _, c := range t.ignored {
		if mentions(n.Get("server"), c.Text) {
			s.fault(c.Pos, t.path+".stamp", "", "%s is listed under server:, which refuses what stamp: ignores", c.Text)
		}
		if i := slices.IndexFunc(t.write, func(w word) bool { return w.text == c.Text }); i >= 0 {
			s.fault(t.write[i].pos, t.path+".write", "", "%s is stamped by the server, so that clients can't write it", c.Text)
		}
		if !mentions(n.Get("ignore"), c.Text) {
			n = add(n, "ignore", c)
		}
	}
	return n
}

var (
	span       = regexp.MustCompile(`^(.*?)\.\.(.*)$`)
	spanNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
)

// checked reads what a column has to be: 1..100, a list of words, a format, or the keys of columns:. With trimmed behind
// it, spaces around a text are taken away first.
func (s *shortener) checked(n *tree.Node, path string) *tree.Node {
	switch n.Kind {
	case tree.Map:
		return n
	case tree.List:
		return tree.NewMap(n.Pos, tree.NewField("enum", n))
	case tree.Null:
		s.fault(n.Pos, path, "", "expected a range such as 1..100, a list of words, a format, or keys as under columns:, found %s", n.Kind)
		return tree.NewMap(n.Pos)
	case tree.Scalar:
	}
	text, trimmed := strings.CutSuffix(n.Text, " trimmed")
	text = strings.TrimSpace(text)
	out := tree.NewMap(n.Pos)
	if m := span.FindStringSubmatch(text); m != nil {
		for _, end := range m[1:] {
			if end != "" && !spanNumber.MatchString(end) || m[1]+m[2] == "" {
				s.fault(n.Pos, path, "", "a range is two numbers, as in 1..100, or one of them, as in 1.. and ..100")
				return out
			}
		}
		out.Fields = append(out.Fields, tree.NewField("range", tree.NewScalar(n.Pos, text)))
	} else if text != "trimmed" {
		out.Fields = append(out.Fields, tree.NewField("format", tree.NewScalar(n.Pos, text)))
	}
	if trimmed || text == "trimmed" {
		out.Fields = append(out.Fields, tree.NewField("trim", tree.NewScalar(n.Pos, "true")))
	}
	return out
}

// detail adds what check: says of a column to what columns: says.
func (s *shortener) detail(t *shortTable, n *tree.Node, f tree.Field) *tree.Node {
	old := n.Get("columns").Field(f.Name)
	if old == nil {
		return extend(n, "columns", f)
	}
	both := old.Value
	for _, g := range f.Value.Fields {
		if both.Field(g.Name) != nil {
			s.fault(g.Pos, t.path+".check."+f.Name, "", "columns: says %s of %s, too; take one of the two away", g.Name, f.Name)
			continue
		}
		if both.Kind == tree.Map {
			both = both.With(g)
		}
	}
	return n.With(tree.NewField("columns", n.Get("columns").With(tree.Field{Name: f.Name, Pos: old.Pos, Value: both})))
}
