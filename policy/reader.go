package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"writegate/policy/internal/near"
	"writegate/policy/internal/tree"
)

// reader turns nodes into a spec and collects every fault on the way.
type reader struct {
	file   string
	faults Faults
	stray  []stray
	// reading is told, in tests, which keys are read of a map.
	reading func(n *tree.Node, known []string)
	own     []ownTable
	// attached are the files beside the policy that were read.
	attached []attachment
	// named are those that it asks for, whether they could be read or not.
	named []string
}

func (r *reader) fault(at tree.Pos, path, code, format string, args ...any) {
	r.faults = append(r.faults, Fault{
		File: r.file, Line: at.Line, Column: at.Column, Code: code, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// keys reads a map whose keys are known. Any other key is wrong: nothing is ignored.
func (r *reader) keys(n *tree.Node, path string, known map[string]func(*tree.Node)) {
	if r.reading != nil {
		r.reading(n, slices.Sorted(maps.Keys(known)))
	}
	if !r.is(n, path, tree.Map) {
		return
	}
	for _, f := range n.Fields {
		if read := known[f.Name]; read != nil {
			read(f.Value)
			continue
		}
		names := slices.Sorted(maps.Keys(known))
		r.fault(f.Pos, path, "", "unknown key %q%s", f.Name, r.hint(f, near.Hint(f.Name, names)))
	}
}

func (r *reader) is(n *tree.Node, path string, want tree.Kind) bool {
	if n.Kind == want {
		return true
	}
	r.fault(n.Pos, path, "", "expected %s, found %s", want, n.Kind)
	return false
}

// text reads a word into a place.
func (r *reader) text(path string, into *string) func(*tree.Node) {
	return func(n *tree.Node) { *into = r.word(n, path).text }
}

func (r *reader) word(n *tree.Node, path string) word {
	if r.is(n, path, tree.Scalar) && strings.TrimSpace(n.Text) == "" {
		r.fault(n.Pos, path, "", "the value is blank")
	}
	return word{n.Text, n.Pos}
}

// words reads a list of distinct words; a single word stands for a list of one.
func (r *reader) words(path string, into *[]word) func(*tree.Node) {
	return func(n *tree.Node) {
		items := n.Items
		if n.Kind == tree.Scalar {
			items = []*tree.Node{n}
		} else if !r.is(n, path, tree.List) {
			return
		}
		for _, item := range items {
			w := r.word(item, path)
			if has(*into, w.text) {
				r.fault(w.pos, path, "", "%q occurs twice", w.text)
			}
			*into = append(*into, w)
		}
	}
}

// some is like words, but an empty list is a fault: it would read as everybody and mean nobody.
func (r *reader) some(path string, into *[]word) func(*tree.Node) {
	return func(n *tree.Node) {
		r.words(path, into)(n)
		if n.Kind == tree.List && len(n.Items) == 0 {
			r.fault(n.Pos, path, "", "the list is empty")
		}
	}
}

func has(list []word, text string) bool {
	return slices.ContainsFunc(list, func(w word) bool { return w.text == text })
}

// expr keeps an expression for the compiler. Null, numbers and truth values mean themselves.
func (r *reader) expr(path string, into **tree.Node) func(*tree.Node) {
	return func(n *tree.Node) {
		if n.Kind != tree.Scalar || strings.TrimSpace(n.Text) == "" {
			r.fault(n.Pos, path, "", "expected an expression, found %s", n.Kind)
			return
		}
		*into = n
	}
}

// assignments reads a map from names to expressions.
func (r *reader) assignments(path string, into *[]assignment) func(*tree.Node) {
	return func(n *tree.Node) {
		if !r.is(n, path, tree.Map) {
			return
		}
		for _, f := range n.Fields {
			a := assignment{to: word{f.Name, f.Pos}}
			value := *f.Value
			if value.Kind == tree.Null {
				value.Kind, value.Text = tree.Scalar, "null"
			}
			r.expr(path+"."+f.Name, &a.expr)(&value)
			if a.expr != nil {
				*into = append(*into, a)
			}
		}
	}
}

func (r *reader) boolean(path string, into *bool) func(*tree.Node) {
	return func(n *tree.Node) {
		if n.Kind != tree.Scalar || n.Quoted || (n.Text != "true" && n.Text != "false") {
			r.fault(n.Pos, path, "", "expected true or false")
			return
		}
		*into = n.Text == "true"
	}
}

// choice reads one of a few words.
func choice[T any](r *reader, path string, into *T, options map[string]T) func(*tree.Node) {
	return func(n *tree.Node) {
		v, ok := options[n.Text]
		switch {
		case n.Kind == tree.Scalar && ok:
			*into = v
		default:
			r.fault(n.Pos, path, "", "expected one of %s", strings.Join(slices.Sorted(maps.Keys(options)), ", "))
		}
	}
}

func (r *reader) ops(path string, into *ops) func(*tree.Node) {
	return func(n *tree.Node) {
		var list []word
		r.words(path, &list)(n)
		for _, w := range list {
			v, ok := verbs[w.text]
			if !ok {
				r.fault(w.pos, path, "", "unknown operation %q; there are create, update and delete", w.text)
				continue
			}
			*into |= only(v)
		}
	}
}
