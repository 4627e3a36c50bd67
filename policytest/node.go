package policytest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"writegate"
	"writegate/policy"
)

// reader turns nodes into a file and collects every fault on the way.
type reader struct {
	name   string
	faults policy.Faults
}

func (r *reader) fault(n *policy.Node, path, format string, args ...any) {
	r.faultAt(placeOf(n), path, format, args...)
}

func (r *reader) faultAt(at Place, path, format string, args ...any) {
	r.faults = append(r.faults, policy.Fault{File: r.name, Line: at.Line, Column: at.Column, Path: path, Message: fmt.Sprintf(format, args...)})
}

// sort puts the faults into the order of the file.
func (r *reader) sort() {
	slices.SortStableFunc(r.faults, func(a, b policy.Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

func placeOf(n *policy.Node) Place { return Place{n.Pos.Line, n.Pos.Column} }

// keys hands each value of a map to the function of its key. A key that has none is a fault.
func (r *reader) keys(n *policy.Node, path string, known map[string]func(*policy.Node)) {
	if !r.is(n, path, policy.NodeMap) {
		return
	}
	for _, f := range n.Fields {
		if read := known[f.Name]; read != nil {
			read(f.Value)
			continue
		}
		r.faultAt(Place{f.Pos.Line, f.Pos.Column}, path, "unknown key %q; there are %s", f.Name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
}

func (r *reader) is(n *policy.Node, path string, kind policy.NodeKind) bool {
	if n.Kind != kind {
		r.fault(n, path, "expected %s, found %s", kind, n.Kind)
	}
	return n.Kind == kind
}

// word reads a text that is not blank.
func (r *reader) word(n *policy.Node, path string) string {
	if r.is(n, path, policy.NodeScalar) && strings.TrimSpace(n.Text) == "" {
		r.fault(n, path, "the value is blank")
	}
	return n.Text
}

func (r *reader) text(path string, into *string) func(*policy.Node) {
	return func(n *policy.Node) { *into = r.word(n, path) }
}

// words reads a word or a list of words.
func (r *reader) words(n *policy.Node, path string) []string {
	items := n.Items
	if n.Kind == policy.NodeScalar {
		items = []*policy.Node{n}
	} else if !r.is(n, path, policy.NodeList) {
		return nil
	}
	var out []string
	for _, item := range items {
		word := r.word(item, path)
		if slices.Contains(out, word) {
			r.fault(item, path, "%q occurs twice", word)
		}
		out = append(out, word)
	}
	return out
}

// plain is a node as the decoder of JSON has it, numbers as they are written.
func plain(n *policy.Node) any {
	switch n.Kind {
	case policy.NodeMap:
		out := make(map[string]any, len(n.Fields))
		for _, f := range n.Fields {
			out[f.Name] = plain(f.Value)
		}
		return out
	case policy.NodeList:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = plain(item)
		}
		return out
	case policy.NodeNull:
		return nil
	case policy.NodeScalar:
	}
	switch {
	case n.Quoted:
	case n.Text == "true" || n.Text == "false":
		return n.Text == "true"
	case json.Valid([]byte(n.Text)) && n.Text != "null":
		return json.Number(n.Text)
	}
	return n.Text
}

// wire is a node as the value of a column that a client sends.
func wire(n *policy.Node) any {
	value := plain(n)
	switch value.(type) {
	case map[string]any, []any:
		text, _ := json.Marshal(value) // what was just made of maps, lists, texts and numbers always marshals
		return writegate.JSON(text)
	}
	return value
}

func (r *reader) cells(n *policy.Node, path string) []cell {
	if !r.is(n, path, policy.NodeMap) {
		return nil
	}
	out := make([]cell, len(n.Fields))
	for i, f := range n.Fields {
		out[i] = cell{f.Name, wire(f.Value), Place{f.Pos.Line, f.Pos.Column}}
	}
	return out
}

func rowOf(cells []cell) writegate.Row {
	row := make(writegate.Row, len(cells))
	for _, c := range cells {
		row[c.column] = c.value
	}
	return row
}
