package writegate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// DefaultSeparator stands between the parts of a composite key in an id, unless the configuration has another.
const DefaultSeparator = "."

// Composite makes the key column of a table that is found by several columns. Its stored value is the text of the
// parts' stored values, joined, so that one row has one key however the client writes it. A part is text, an
// integer, a UUID or an enum; any other type is an error, since equal values of it may look different.
//
// Converting refuses an id that has not one text for each part. A part whose text has the separator in it can't
// be addressed: its id has too many.
func Composite(name string, parts []*Column, separator string) (*Column, error) {
	if len(parts) < 2 {
		return nil, errors.New("a composite key has at least two columns")
	}
	if separator == "" {
		separator = DefaultSeparator
	}
	for _, p := range parts {
		switch {
		case p.Type == Text, p.Type == Int, p.Type == UUID, p.Type == Other && p.Values != nil:
		default:
			return nil, fmt.Errorf("column %s is of type %s, which can't be part of a key: it has to be text, an integer, a UUID or an enum", p.Name, p.Native)
		}
	}
	c := &Column{Name: name, Type: Text, Native: "composite key", composite: &composite{parts, separator}}
	c.Convert = c.composite.convert
	return c, nil
}

type composite struct {
	parts     []*Column
	separator string
}

func (k *composite) convert(wire any) (any, error) {
	text, ok := wire.(string)
	if !ok {
		if wire == nil {
			return nil, nil
		}
		return nil, k.shape()
	}
	texts := strings.Split(text, k.separator)
	if len(texts) != len(k.parts) {
		return nil, k.shape()
	}
	values := make([]any, len(texts))
	for i, p := range k.parts {
		v, err := p.Convert(texts[i])
		if err != nil {
			return nil, fmt.Errorf("part %d (%s): %w", i+1, p.Name, err)
		}
		if v == nil {
			return nil, fmt.Errorf("part %d (%s): the value is missing", i+1, p.Name)
		}
		values[i] = v
	}
	return k.join(values), nil
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

// SplitKey returns the stored values of the parts of a stored key, in the order of [Table.Parts].
func (t *Table) SplitKey(key any) []any {
	k := t.Column(t.Key).composite
	texts := strings.Split(key.(string), k.separator)
	values := make([]any, len(texts))
	for i, text := range texts {
		// A stored key was joined from converted values, whose texts convert again.
		values[i], _ = k.parts[i].Convert(text)
	}
	return values
}
