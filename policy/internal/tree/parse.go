package tree

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The limits of a text, far above what anybody writes by hand.
const (
	maxBytes = 1 << 20
	maxDepth = 64
)

// Error says where and why a text is not accepted.
type Error struct {
	Pos     Pos
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Column, e.Message)
}

// Parse reads one YAML document. Anchors, aliases, tags and merge keys are not part of the language: what is
// written is what applies.
func Parse(text []byte) (root *Node, err error) {
	if err := precheck(text); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil { // the parser is a library, and the text is anybody's
			root, err = nil, &Error{Pos{1, 1}, "the text can't be read as YAML"}
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntaxError(err)
	}
	b := builder{}
	for line := range strings.SplitSeq(string(text), "\n") {
		b.lines = append(b.lines, []rune(line))
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			return nil, &Error{place(doc.Body.GetToken()), "the file has more than one document"}
		}
		if root, err = b.node(doc.Body, 0); err != nil {
			return nil, err
		}
	}
	if root == nil {
		return nil, &Error{Pos{1, 1}, "the file is empty"}
	}
	return root, nil
}

// precheck bounds what the parser, which recurses, gets to see.
func precheck(text []byte) error {
	if len(text) > maxBytes {
		return &Error{Pos{1, 1}, fmt.Sprintf("the file is larger than %d bytes", maxBytes)}
	}
	if !utf8.Valid(text) {
		return &Error{Pos{1, 1}, "the file is not valid UTF-8"}
	}
	depth, number := 0, 0
	for line := range strings.SplitSeq(string(text), "\n") {
		number++
		lead := line[:len(line)-len(strings.TrimLeft(line, " -?"))]
		if strings.Count(lead, "-")+strings.Count(lead, "?") > maxDepth || len(lead) > 8*maxDepth {
			return &Error{Pos{number, 1}, "the file is nested too deeply"}
		}
		for i, c := range []byte(line) {
			switch c {
			case '[', '{':
				if depth++; depth > 4*maxDepth {
					return &Error{Pos{number, i + 1}, "the file is nested too deeply"}
				}
			case ']', '}':
				depth = max(0, depth-1)
			}
		}
	}
	return nil
}

func syntaxError(err error) error {
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		return &Error{place(syntax.Token), syntax.Message}
	}
	return &Error{Pos{1, 1}, "the text can't be read as YAML"}
}

func place(t *token.Token) Pos {
	if t == nil || t.Position == nil {
		return Pos{1, 1}
	}
	return Pos{max(1, t.Position.Line), max(1, t.Position.Column)}
}

type builder struct{ lines [][]rune }

func (b *builder) node(n ast.Node, depth int) (*Node, error) {
	out := &Node{Kind: Scalar, Pos: place(n.GetToken()), lines: b.lines}
	out.start = out.Pos
	if depth > maxDepth {
		return nil, &Error{out.Pos, "the file is nested too deeply"}
	}
	switch n := n.(type) {
	case *ast.NullNode:
		out.Kind = Null
	case *ast.StringNode:
		out.Text = n.Value
		if t := n.Token.Type; t == token.SingleQuoteType || t == token.DoubleQuoteType {
			out.Quoted = true
			out.start.Column++
		}
	case *ast.LiteralNode:
		out.Text, out.Quoted = n.Value.Value, true
		out.start = Pos{out.Pos.Line + 1, 1}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		out.Text = n.GetToken().Value
	case *ast.SequenceNode:
		out.Kind = List
		for _, v := range n.Values {
			item, err := b.node(v, depth+1)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, item)
		}
	case *ast.MappingNode:
		return b.mapping(out, n.Values, depth)
	case *ast.MappingValueNode:
		return b.mapping(out, []*ast.MappingValueNode{n}, depth)
	default:
		return nil, &Error{out.Pos, "anchors, aliases, tags and merge keys are not supported"}
	}
	return out, nil
}

func (b *builder) mapping(out *Node, values []*ast.MappingValueNode, depth int) (*Node, error) {
	out.Kind = Map
	seen := map[string]bool{}
	for i, v := range values {
		key, ok := v.Key.(ast.Node)
		if !ok {
			return nil, &Error{out.Pos, "a key must be a plain word"}
		}
		name, err := b.node(key, depth+1)
		if err != nil {
			return nil, err
		}
		if name.Kind != Scalar {
			return nil, &Error{name.Pos, "a key must be a plain word"}
		}
		if seen[name.Text] {
			return nil, &Error{name.Pos, fmt.Sprintf("key %q occurs twice", name.Text)}
		}
		seen[name.Text] = true
		if i == 0 && out.Pos.Line == name.Pos.Line && out.Pos.Column > name.Pos.Column {
			out.Pos = name.Pos // the library places a block mapping at its first colon
		}
		value, err := b.node(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		out.Fields = append(out.Fields, Field{name.Text, name.Pos, value})
	}
	return out, nil
}
