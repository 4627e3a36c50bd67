// Package tree reads a YAML text into nodes that know where they stand.
package tree

import (
	"encoding/json"
	"slices"
	"strings"
)

// Kind says what a node is.
type Kind uint8

// The kinds of nodes.
const (
	Null Kind = iota + 1
	Scalar
	List
	Map
)

// String names the kind for messages.
func (k Kind) String() string {
	switch k {
	case Null:
		return "nothing"
	case Scalar:
		return "a value"
	case List:
		return "a list"
	case Map:
		return "keys with values"
	}
	return "unknown"
}

// Pos is a place in the text. Lines and columns count from 1, columns in characters.
type Pos struct{ Line, Column int }

// Node is one value of the document.
type Node struct {
	Kind Kind
	Pos  Pos
	// Text is the text of a Scalar without quotes, escapes and folds.
	Text string
	// Quoted says that a Scalar is text even where it looks like a number or a truth value.
	Quoted bool
	// Items are those of a List.
	Items []*Node
	// Fields are those of a Map, in the order of the text. Their names are distinct.
	Fields []Field

	start Pos // where the text of a Scalar begins, behind a quote or block indicator
	lines [][]rune
}

// Field is one key of a Map with its value.
type Field struct {
	Name  string
	Pos   Pos
	Value *Node
}

// Locate returns the place in the file of a character of a Scalar's text, given by its line from 1 and its
// column from 0 in that text. Folded, quoted and multi-line scalars are followed character by character. In a node
// that was not read from a text it is the place of the node.
func (n *Node) Locate(line, column int) Pos {
	if n.start.Line == 0 { // it was made, not read
		return n.Pos
	}
	want := offset(n.Text, line, column)
	at, last := n.start, n.start
	for i, r := range []rune(n.Text) {
		if strings.ContainsRune(" \t\n\r", r) {
			if i == want {
				return last
			}
			continue
		}
		found, ok := n.next(at, r)
		if !ok {
			return n.Pos
		}
		if i >= want {
			return found
		}
		at = Pos{found.Line, found.Column + 1}
		last = at
	}
	return last
}

// next finds a character at or after a place.
func (n *Node) next(at Pos, r rune) (Pos, bool) {
	for line := at.Line; line <= len(n.lines); line++ {
		from := 0
		if line == at.Line {
			from = min(at.Column-1, len(n.lines[line-1]))
		}
		if i := slices.Index(n.lines[line-1][from:], r); i >= 0 {
			return Pos{line, from + i + 1}, true
		}
	}
	return at, false
}

// offset counts the characters of text before a line and column.
func offset(text string, line, column int) int {
	n := 0
	for l := range strings.SplitAfterSeq(text, "\n") {
		if line--; line == 0 {
			return n + column
		}
		n += len([]rune(l))
	}
	return n
}

// Canonical writes the node as JSON with sorted keys, so that layout, comments and the order of keys don't matter.
func (n *Node) Canonical() []byte {
	b, _ := json.Marshal(n.plain()) // strings, lists and maps of strings always marshal
	return b
}

func (n *Node) plain() any {
	switch n.Kind {
	case Scalar:
		return n.Text
	case List:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = item.plain()
		}
		return out
	case Map:
		out := make(map[string]any, len(n.Fields))
		for _, f := range n.Fields {
			out[f.Name] = f.Value.plain()
		}
		return out
	case Null:
	}
	return nil
}
