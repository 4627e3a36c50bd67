package policy

import (
	"errors"

	"writegate/policy/internal/tree"
)

// Node is one value of a YAML text that knows where it stands. Files that belong to a policy are read as the policy is.
type Node = tree.Node

// NodeField is one key of a map with its value.
type NodeField = tree.Field

// NodeKind says what a node is.
type NodeKind = tree.Kind

// The kinds of nodes.
const (
	NodeNull   = tree.Null
	NodeScalar = tree.Scalar
	NodeList   = tree.List
	NodeMap    = tree.Map
)

// ParseNode reads one YAML document in the form that policies have: no anchors, aliases, tags and merge keys, no key
// twice. The name stands for the file in messages. What is wrong is [Faults].
func ParseNode(name string, text []byte) (*Node, error) {
	root, err := tree.Parse(text)
	if err == nil {
		return root, nil
	}
	if at, ok := errors.AsType[*tree.Error](err); ok {
		return nil, Faults{{File: name, Line: at.Pos.Line, Column: at.Pos.Column, Message: at.Message}}
	}
	return nil, err
}
