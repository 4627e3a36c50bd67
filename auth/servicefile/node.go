package servicefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 1 << 20

// Node is a value in a file, or the want of one. Its errors say what is allowed and repeat nothing of the file.
type Node struct {
	node ast.Node
	env  func(string) (string, bool)
}

// Parse reads the one document of a file, YAML or JSON. Env looks up what "!env NAME" stands for.
func Parse(text []byte, env func(string) (string, bool)) (Node, error) {
	if len(text) > MaxSize {
		return Node{}, errors.New("larger than 1 MiB")
	}
	file, err := parser.ParseBytes(text, 0)
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok && syntax.GetToken() != nil && syntax.GetToken().Position != nil {
		return Node{}, fmt.Errorf("neither YAML nor JSON; see to the quotes, brackets and indentation in line %d", syntax.GetToken().Position.Line)
	}
	if err != nil || len(file.Docs) != 1 {
		return Node{}, errors.New("not one document of YAML or JSON")
	}
	return Node{file.Docs[0].Body, env}, nil
}

// Missing reports whether there is no value, or null.
func (n Node) Missing() bool {
	_, null := n.node.(*ast.NullNode)
	return n.node == nil || null
}

// mergeKey has a mapping take over the fields of another one.
const mergeKey = "<<"

// isMapping reports whether the value is a mapping as it stands.
func (n Node) isMapping() bool {
	switch n.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// Under returns the value under names, one in the other.
func (n Node) Under(names ...string) Node {
	for _, name := range names {
		pairs := n.pairs()
		i := slices.IndexFunc(pairs, func(v *ast.MappingValueNode) bool { return nameOf(v) == name })
		if i < 0 {
			return Node{env: n.env}
		}
		n.node = pairs[i].Value
	}
	return n
}

// Names are those of a mapping, in order; none where it is no mapping.
func (n Node) Names() []string {
	var names []string
	for _, pair := range n.pairs() {
		names = append(names, nameOf(pair))
	}
	return names
}

// Items are those of a list, or the value itself, which stands for a list of one; none where it is missing.
func (n Node) Items() []Node {
	list, ok := n.node.(*ast.SequenceNode)
	switch {
	case n.Missing():
		return nil
	case !ok:
		return []Node{n}
	}
	items := make([]Node, len(list.Values))
	for i, item := range list.Values {
		items[i] = Node{item, n.env}
	}
	return items
}

// Text returns a scalar as text, empty where it is missing.
func (n Node) Text() (string, error) {
	switch node := n.node.(type) {
	case nil, *ast.NullNode:
		return "", nil
	case *ast.TagNode:
		return n.variable(node)
	case *ast.StringNode:
		return node.Value, nil
	case *ast.LiteralNode:
		return node.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node.GetToken().Value, nil
	}
	return "", errors.New("must be a single value")
}

// variable reads "!env NAME", which may end with a type: "!env PORT::number".
func (n Node) variable(node *ast.TagNode) (string, error) {
	if node.Start.Value != "!env" {
		return "", errors.New("has a tag; !env NAME is the one that is known")
	}
	if node.Value == nil {
		return "", errors.New("!env needs the name of a variable")
	}
	name, _, _ := strings.Cut(node.Value.GetToken().Value, "::")
	value, ok := n.env(name)
	if !ok || value == "" {
		line, _ := n.place() // The name might be the secret itself.
		return "", fmt.Errorf("the variable that !env names in line %d is not set, or empty; set it for this process", line)
	}
	return value, nil
}

// Bool returns true or false; a missing value is false.
func (n Node) Bool() (bool, error) {
	text, err := n.Text()
	if err != nil || text == "" {
		return false, err
	}
	value, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return false, errors.New("must be true or false")
	}
	return value, nil
}

// JSON returns the value as JSON, scalars as texts.
func (n Node) JSON() (json.RawMessage, error) {
	value, err := n.value()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return text, nil
}

func (n Node) value() (any, error) {
	switch node := n.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		object := map[string]any{}
		for _, name := range n.Names() {
			value, err := n.Under(name).value()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			object[name] = value
		}
		return object, nil
	case *ast.SequenceNode:
		list := make([]any, len(node.Values))
		for i, item := range n.Items() {
			value, err := item.value()
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			list[i] = value
		}
		return list, nil
	}
	return n.Text()
}

func (n Node) pairs() []*ast.MappingValueNode {
	switch node := n.node.(type) {
	case *ast.MappingNode:
		return node.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{node}
	}
	return nil
}

func nameOf(pair *ast.MappingValueNode) string {
	if key, ok := pair.Key.(*ast.StringNode); ok {
		return key.Value
	}
	return pair.Key.String()
}

// or is another node where this one is missing.
func (n Node) or(other Node) Node {
	if n.node == nil {
		return other
	}
	return n
}

// place is where a node begins, the first line and column where there is none.
func (n Node) place() (line, column int) {
	if n.node != nil && n.node.GetToken() != nil && n.node.GetToken().Position != nil {
		p := n.node.GetToken().Position
		return p.Line, p.Column
	}
	return 1, 1
}
