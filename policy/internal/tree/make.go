package tree

// NewScalar makes a value that stands at a place without being written there.
func NewScalar(at Pos, text string) *Node { return &Node{Kind: Scalar, Pos: at, Text: text} }

// NewList makes a list.
func NewList(at Pos, items ...*Node) *Node { return &Node{Kind: List, Pos: at, Items: items} }

// NewMap makes a map of fields with distinct names.
func NewMap(at Pos, fields ...Field) *Node { return &Node{Kind: Map, Pos: at, Fields: fields} }

// NewField makes a field that stands where its value does.
func NewField(name string, value *Node) Field { return Field{name, value.Pos, value} }

// Field returns the field of a map by its name, nil when there is none. What is no map has no fields.
func (n *Node) Field(name string) *Field {
	if n == nil || n.Kind != Map {
		return nil
	}
	for i := range n.Fields {
		if n.Fields[i].Name == name {
			return &n.Fields[i]
		}
	}
	return nil
}

// Get returns the value of a field, nil when there is none.
func (n *Node) Get(name string) *Node {
	if f := n.Field(name); f != nil {
		return f.Value
	}
	return nil
}

// With returns a copy of a map in which a field has another value. A new one comes last.
func (n *Node) With(f Field) *Node {
	out := *n
	out.Fields = append([]Field(nil), n.Fields...)
	if old := out.Field(f.Name); old != nil {
		*old = f
	} else {
		out.Fields = append(out.Fields, f)
	}
	return &out
}

// Before returns a copy of a map in which a field is new, in front of another one.
func (n *Node) Before(name string, f Field) *Node {
	out := *n
	out.Fields = nil
	for _, g := range n.Fields {
		if g.Name == name {
			out.Fields = append(out.Fields, f)
		}
		out.Fields = append(out.Fields, g)
	}
	return &out
}

// Without returns a copy of a map that lacks some fields.
func (n *Node) Without(names ...string) *Node {
	out := *n
	out.Fields = nil
next:
	for _, f := range n.Fields {
		for _, name := range names {
			if f.Name == name {
				continue next
			}
		}
		out.Fields = append(out.Fields, f)
	}
	return &out
}

// All returns the items of a list. A single word stands for a list of one.
func (n *Node) All() []*Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == Scalar:
		return []*Node{n}
	}
	return n.Items
}
