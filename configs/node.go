package configs

import (
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// start is the first token of a node. A mapping's own token is the colon after its first key.
func start(n ast.Node) *token.Token {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken()
	}
	return n.GetToken()
}

// kindOf names what stands in the file where something else was wanted.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return "an anchor, alias or tag"
	}
	return "a single value"
}

// json makes the JSON text of a mapping, or takes a scalar that is such a text already.
func (d *decoder) json(path string, n ast.Node) ([]byte, bool) {
	if _, ok := n.(*ast.MappingNode); ok {
		before := len(d.faults)
		text, err := json.Marshal(d.tree(path, n))
		if err != nil { // a number that JSON doesn't have
			d.fault(n, path, "can't be written as JSON")
		}
		return text, len(d.faults) == before
	}
	if _, ok := n.(*ast.SequenceNode); ok {
		d.fault(n, path, "must be a mapping, not a list")
		return nil, false
	}
	text, ok := d.scalar(path, n)
	if !ok {
		return nil, false
	}
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) != nil || object == nil {
		d.fault(n, path, "must be a mapping, or a text that is a JSON object")
		return nil, false
	}
	return []byte(text), true
}

func (d *decoder) tree(path string, n ast.Node) any {
	switch n := n.(type) {
	case *ast.MappingNode:
		object := make(map[string]any, len(n.Values))
		for _, pair := range n.Values {
			name := pair.Key.String()
			if key, ok := pair.Key.(*ast.StringNode); ok {
				name = key.Value
			}
			if _, twice := object[name]; twice {
				d.fault(pair.Key, join(path, name), "given twice")
			}
			object[name] = d.tree(join(path, name), pair.Value)
		}
		return object
	case *ast.SequenceNode:
		list := make([]any, len(n.Values))
		for i, item := range n.Values {
			list[i] = d.tree(fmt.Sprintf("%s[%d]", path, i), item)
		}
		return list
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode:
		return n.Value
	case *ast.FloatNode:
		return n.Value
	}
	text, _ := d.scalar(path, n)
	return text
}
