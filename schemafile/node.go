package schemafile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// reader walks a text and notes what is wrong with it.
type reader struct {
	file   string
	faults Faults
}

func (r *reader) fault(n ast.Node, path, format string, args ...any) {
	f := Fault{File: r.file, Line: 1, Column: 1, Path: path, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		place(&f, n.GetToken())
	}
	r.faults = append(r.faults, f)
}

func place(f *Fault, t *token.Token) {
	if t != nil && t.Position != nil {
		f.Line, f.Column = max(1, t.Position.Line), max(1, t.Position.Column)
	}
}

// document returns the one document of a text, nil when it has none.
func (r *reader) document(text []byte) (body ast.Node) {
	defer func() {
		if recover() != nil { // the parser is a library, and the text is anybody's
			r.fault(nil, "", "can't be read as YAML")
			body = nil
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		f := Fault{File: r.file, Line: 1, Column: 1, Message: "can't be read as YAML"}
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			f.Message = syntax.Message
			place(&f, syntax.Token)
		}
		r.faults = append(r.faults, f)
		return nil
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body != nil:
			r.fault(doc.Body, "", "a second document; a schema file is one")
		default:
			body = doc.Body
		}
	}
	if body == nil {
		r.fault(nil, "", "the file is empty")
	}
	return body
}

// each yields the keys of a mapping with their values.
func (r *reader) each(n ast.Node, path string, yield func(name string, key, value ast.Node)) {
	mapping, ok := n.(*ast.MappingNode)
	if !ok {
		r.fault(n, path, "must be a mapping of keys to values")
		return
	}
	for _, pair := range mapping.Values {
		if name, ok := r.text(pair.Key, path); ok {
			yield(name, pair.Key, pair.Value)
		}
	}
}

// fields hands each value to the function of its key. A key that has none is a fault.
func (r *reader) fields(n ast.Node, path string, known map[string]func(path string, n ast.Node)) {
	r.each(n, path, func(name string, key, value ast.Node) {
		read := known[name]
		if read == nil {
			r.fault(key, join(path, name), "unknown key; there are %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
			return
		}
		read(join(path, name), value)
	})
}

// text returns a scalar as it is written, without quotes.
func (r *reader) text(n ast.Node, path string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	r.fault(n, path, "must be a single value")
	return "", false
}

// word reads into a text that must not be blank.
func (r *reader) word(into *string) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		text, ok := r.text(n, path)
		if *into = text; ok && text == "" {
			r.fault(n, path, "blank")
		}
	}
}

func (r *reader) truth(into *bool) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		text, ok := r.text(n, path)
		if *into = text == "true"; ok && text != "true" && text != "false" {
			r.fault(n, path, "must be true or false")
		}
	}
}

func (r *reader) list(into *[]string) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		sequence, ok := n.(*ast.SequenceNode)
		if !ok {
			r.fault(n, path, "must be a list")
			return
		}
		*into = []string{}
		for _, item := range sequence.Values {
			if text, ok := r.text(item, path); ok {
				*into = append(*into, text)
			}
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
