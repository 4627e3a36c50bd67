package schemafile

import (
	"fmt"
	"slices"
)

// Diff says what is otherwise in now than in then, a line each and sorted by table: what was added, what is gone,
// what changed from what to what. The versions of servers don't count, nor do indexes of which one of them says nothing.
func Diff(then, now *File) []string {
	var out []string
	old, fresh := map[string]*Table{}, map[string]*Table{}
	var names []string
	for i := range then.Tables {
		old[then.Tables[i].Name] = &then.Tables[i]
		names = append(names, then.Tables[i].Name)
	}
	for i := range now.Tables {
		fresh[now.Tables[i].Name] = &now.Tables[i]
		names = append(names, now.Tables[i].Name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		switch a, b := old[name], fresh[name]; {
		case a == nil:
			out = append(out, fmt.Sprintf("table %s is new", name))
		case b == nil:
			out = append(out, fmt.Sprintf("table %s is gone", name))
		default:
			out = append(out, a.diff(b)...)
		}
	}
	return out
}

func (t *Table) diff(now *Table) []string {
	var out []string
	changed := func(what, a, b string) {
		if a != b {
			out = append(out, fmt.Sprintf("%s: %s was %s and is %s", t.Name, what, a, b))
		}
	}
	changed("the database", scalar(t.Database), scalar(now.Database))
	changed("the source", scalar(t.Source), scalar(now.Source))
	changed("the key", t.keyText(), now.keyText())
	var names []string
	for _, c := range slices.Concat(t.Columns, now.Columns) {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		switch a, b := t.column(name), now.column(name); {
		case a == nil:
			out = append(out, fmt.Sprintf("%s.%s is new: %s", t.Name, name, b.text()))
		case b == nil:
			out = append(out, fmt.Sprintf("%s.%s is gone", t.Name, name))
		case a.text() != b.text():
			out = append(out, fmt.Sprintf("%s.%s was %s and is %s", t.Name, name, a.text(), b.text()))
		}
	}
	if t.Indexes == nil || now.Indexes == nil { // nothing is known of one of them
		return out
	}
	before, after := indexTexts(t.Indexes), indexTexts(now.Indexes)
	for _, text := range before {
		if !slices.Contains(after, text) {
			out = append(out, fmt.Sprintf("%s: the index %s is gone", t.Name, text))
		}
	}
	for _, text := range after {
		if !slices.Contains(before, text) {
			out = append(out, fmt.Sprintf("%s: the index %s is new", t.Name, text))
		}
	}
	return out
}

func (t *Table) keyText() string {
	if t.Parts == nil {
		return scalar(t.Key)
	}
	return fmt.Sprintf("%s of %s by %s", scalar(t.Key), list(t.Parts), scalar(t.Separator))
}
