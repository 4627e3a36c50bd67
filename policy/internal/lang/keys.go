// Package lang is the list of all keys of the policy language: what the reader refuses by, what editors complete by and
// what the reference is printed from.
package lang

import (
	"slices"
	"strings"

	"writegate/policy/internal/near"
	"writegate/policy/internal/tree"
)

// Shape says what may stand in a place of a policy file.
type Shape struct {
	kind  kind
	words []string // of a choice
	of    *Shape   // of a list, or of a map with names
	or    []*Shape // where several shapes may stand
	// Title is what the reference calls a map with keys, and Keys are what it may have. Both are empty elsewhere.
	Title string
	Keys  []Key
}

type kind uint8

const (
	name     kind = iota // a name or a text
	plain                // an expression or a plain value
	truth                // true or false
	whole                // a whole number
	choice               // one of a few words
	nothing              // null
	anything             // whatever there is
	list
	byName // a map of names that the author chooses
	byKey  // a map of keys of the language
	either
)

// Key is one key of the language.
type Key struct {
	Name  string
	Shape *Shape
	// About says in Markdown what it is for.
	About string
	// Need says that it has to be there.
	Need bool
}

// The shapes that occur often.
var (
	aName   = &Shape{kind: name}
	anExpr  = &Shape{kind: plain}
	aTruth  = &Shape{kind: truth}
	aNumber = &Shape{kind: whole}
	aNull   = &Shape{kind: nothing}
	aThing  = &Shape{kind: anything}
	aList   = listOf(aName)
	names   = anyOf(aName, aList) // a single word stands for a list of one
	exprs   = mapOf(anExpr)
)

func oneOf(words ...string) *Shape  { return &Shape{kind: choice, words: words} }
func listOf(of *Shape) *Shape       { return &Shape{kind: list, of: of} }
func mapOf(of *Shape) *Shape        { return &Shape{kind: byName, of: of} }
func anyOf(shapes ...*Shape) *Shape { return &Shape{kind: either, or: shapes} }

// someOf is a list of these words, or one of them.
func someOf(words ...string) *Shape { return anyOf(oneOf(words...), listOf(oneOf(words...))) }

func keysOf(title string, keys ...[]Key) *Shape {
	return &Shape{kind: byKey, Title: title, Keys: slices.Concat(keys...)}
}

// Visit yields every key of a document that stands where the language has keys: the map of keys that it is in with its
// path, the field, and what the language says of it, nil where it has no such key.
func (s *Shape) Visit(n *tree.Node, path string, yield func(in *Shape, path string, f tree.Field, k *Key)) {
	switch s.kind {
	case byKey:
		for _, f := range n.Fields {
			k := s.Key(f.Name)
			if yield(s, path, f, k); k != nil {
				k.Shape.Visit(f.Value, strings.TrimPrefix(path+"."+f.Name, "."), yield)
			}
		}
	case byName:
		for _, f := range n.Fields {
			s.of.Visit(f.Value, path+"."+f.Name, yield)
		}
	case list:
		for _, item := range n.Items {
			at := path
			if called := item.Get("name"); called != nil && called.Text != "" {
				at += "." + called.Text
			}
			s.of.Visit(item, at, yield)
		}
	case either:
		for _, o := range s.or {
			if o.stands(n.Kind) {
				o.Visit(n, path, yield)
			}
		}
	case name, plain, truth, whole, choice, nothing, anything:
	}
}

// stands reports whether a node of a kind may have the shape.
func (s *Shape) stands(k tree.Kind) bool {
	switch s.kind {
	case byKey, byName:
		return k == tree.Map
	case list:
		return k == tree.List
	case anything:
		return true
	case either:
		return slices.ContainsFunc(s.or, func(o *Shape) bool { return o.stands(k) })
	case plain:
		return k == tree.Scalar || k == tree.Null
	case nothing:
		return k == tree.Null
	case name, truth, whole, choice:
	}
	return k == tree.Scalar
}

// Key returns a key of a map with keys, nil when it has none of that name.
func (s *Shape) Key(name string) *Key {
	for i := range s.Keys {
		if s.Keys[i].Name == name {
			return &s.Keys[i]
		}
	}
	return nil
}

// Hint says which key somebody probably meant, if any.
func (s *Shape) Hint(typed string) string {
	names := make([]string, len(s.Keys))
	for i := range s.Keys {
		names[i] = s.Keys[i].Name
	}
	return near.Hint(typed, names)
}

// Choices are the words of which one may stand in a place, as a word by itself or in a list.
func (s *Shape) Choices() []string {
	for _, o := range s.or {
		if words := o.Choices(); words != nil {
			return words
		}
	}
	return s.words
}
