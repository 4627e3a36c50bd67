package writegate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// DefaultSeparator stands between the parts of a composite key in an id, unless the configuration has another.
const DefaultSeparator = "."

// Composite makes the key column of a table that is found by several columns. Its stored value is the text of the
// parts' stored values, joined, so that one row has one key however the client writes it. A part is text, an
// integer, a UUID or an enum; any other type is an error, since equal values of it may look different. So is a
// separator that UUIDs have in them, where there is one among the parts.
//
// Converting refuses an id that can't be taken apart in exactly one way. A row with the separator inside a part
// can't be addressed: its id can be taken apart in more than one, or not at all.
func Composite(name string, parts []*Column, separator string) (*Column, error) {
	if len(parts) < 2 {
		return nil, errors.New("a composite key has at least two columns")
	}
	if separator == "" {
		separator = DefaultSeparator
	}
	for i, p := range parts {
		switch {
		case p == nil || slices.Contains(parts[:i], p):
			return nil, errors.New("the columns of a composite key are distinct")
		case p.Type == UUID && strings.Trim(separator, "0123456789abcdef-") == "":
			return nil, fmt.Errorf("the separator %q occurs in UUIDs, such as those of column %s", separator, p.Name)
		case p.Type == Text, p.Type == Int, p.Type == UUID, p.Type == Other && p.Values != nil:
		default:
			return nil, fmt.Errorf("column %s is of type %s, which can't be part of a key: it has to be text, an integer, a UUID or an enum", p.Name, p.Native)
		}
	}
	c := &Column{Name: name, Type: Text, Native: "composite key", composite: &composite{slices.Clone(parts), separator}}
	c.Convert = c.composite.convert
	return c, nil
}

type composite struct {
	parts     []*Column
	separator string
}

func (k *composite) convert(wire any) (any, error) {
	if wire == nil {
		return nil, nil
	}
	text, ok := wire.(string)
	if !ok {
		return nil, k.shape()
	}
	values, err := k.split(text)
	if err != nil {
		return nil, err
	}
	// What a part is stored as may have the separator in it even where the part as it came did not.
	key := k.join(values)
	if _, unique := k.texts(key); !unique {
		return nil, k.shape()
	}
	return key, nil
}

// split takes an id apart into stored values.
func (k *composite) split(id string) ([]any, error) {
	texts, unique := k.texts(id)
	if !unique {
		return nil, k.shape()
	}
	values := make([]any, len(texts))
	for i, p := range k.parts {
		v, err := p.Convert(texts[i])
		if err == nil && v == nil {
			err = errors.New("the value is missing")
		}
		if err != nil {
			return nil, fmt.Errorf("part %d (%s): %w", i+1, p.Name, err)
		}
		values[i] = v
	}
	return values, nil
}

// texts takes an id apart, and reports whether there is one way to do so: x:::y is x: and y as much as x and :y.
func (k *composite) texts(id string) (texts []string, unique bool) {
	places := 0
	for i := range id {
		if strings.HasPrefix(id[i:], k.separator) {
			places++
		}
	}
	texts = strings.Split(id, k.separator)
	return texts, len(texts) == len(k.parts) && places == len(k.parts)-1
}

func (k *composite) shape() error {
	names := make([]string, len(k.parts))
	for i, p := range k.parts {
		names[i] = p.Name
	}
	return fmt.Errorf("must have the form %s", strings.Join(names, k.separator))
}

func (k *composite) join(values []any) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(k.separator)
		}
		switch v := v.(type) {
		case string:
			b.WriteString(v)
		case int64:
			b.WriteString(strconv.FormatInt(v, 10))
		default:
			fmt.Fprint(&b, v)
		}
	}
	return b.String()
}

// JoinKey makes the stored key of stored values of the parts, which are in the order of [Table.Parts].
func (t *Table) JoinKey(parts []any) any { return t.Column(t.Key).composite.join(parts) }

// SplitKey returns the stored values of the parts of a stored key, in the order of [Table.Parts]. It panics for
// what is no stored key of the table.
func (t *Table) SplitKey(key any) []any {
	values, err := t.Column(t.Key).composite.split(key.(string))
	if err != nil {
		panic(fmt.Sprintf("writegate: a key of table %s can't be taken apart: %v", t.Name, err))
	}
	return values
}

// IsPart tells whether a column is one of the parts of the table's key.
func (t *Table) IsPart(name string) bool {
	return slices.ContainsFunc(t.Parts, func(p *Column) bool { return p.Name == name })
}
