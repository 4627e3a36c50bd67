package policy

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"writegate"
)

// checkKeys are the keys in the order in which values are held to them, and the types of columns that each is for.
var checkKeys = []struct {
	key string
	of  []writegate.Type
}{
	{"trim", []writegate.Type{writegate.Text}},
	{"max_bytes", []writegate.Type{writegate.Text, writegate.Binary, writegate.Document, writegate.List, writegate.Other}},
	{"min_len", []writegate.Type{writegate.Text, writegate.Other}},
	{"max_len", []writegate.Type{writegate.Text, writegate.Other}},
	{"enum", []writegate.Type{writegate.Text, writegate.Int, writegate.Decimal, writegate.Date, writegate.UUID, writegate.Other}},
	{"min", ofOrder},
	{"max", ofOrder},
	{"pattern", []writegate.Type{writegate.Text, writegate.UUID, writegate.Other}},
	{"format", []writegate.Type{writegate.Text}},
	{"max_depth", ofJSON},
	{"min_items", ofJSON},
	{"max_items", ofJSON},
	{"items", ofJSON},
	{"json_schema", ofJSON},
}

var (
	ofOrder = []writegate.Type{writegate.Int, writegate.Float, writegate.Decimal, writegate.Timestamp, writegate.Date}
	ofJSON  = []writegate.Type{writegate.Document, writegate.List}
)

// enumerate has a column known by the values that the policy lists for it, to expressions and states as well.
func (b *binder) enumerate(t *table, specs []columnSpec) {
	for i := range specs {
		c := t.columns[specs[i].name.text]
		if c == nil || specs[i].checks.enum == nil || c.Type != writegate.Text && c.Type != writegate.UUID && c.Type != writegate.Other {
			continue
		}
		narrowed := *c.Column
		narrowed.Values = nil
		for _, w := range specs[i].checks.enum {
			if c.Values == nil || slices.Contains(c.Values, w.text) {
				narrowed.Values = append(narrowed.Values, w.text)
			}
		}
		c.Column = &narrowed
	}
}

// described is the table with its columns as the policy describes them. It is for expressions only: the driver knows the
// other one.
func (t *table) described() *writegate.Table {
	out := *t.meta
	out.Columns = make([]*writegate.Column, len(t.meta.Columns))
	for i, c := range t.meta.Columns {
		out.Columns[i] = t.columns[c.Name].Column
	}
	return &out
}

// checks binds what has to hold for the values of a column.
func (b *tableBinder) checks(c *column, s *checksSpec, path string) {
	s = b.measured(c, s, path)
	for _, k := range checkKeys {
		if at, there := s.at[k.key]; there && !slices.Contains(k.of, c.Type) {
			names := make([]string, len(k.of))
			for i, t := range k.of {
				names[i] = t.String()
			}
			b.fault(at, path, "P102", "%s is for columns of type %s, but %s is %s", k.key, strings.Join(names, ", "), c.Name, c.Type)
		}
	}
	if at, there := s.at["trim"]; there && (c == b.out.key || c.part) {
		b.fault(at, path, "P102", "%s is part of the id, which is taken as it comes", c.Name)
	}
	b.consistent(s, path)
	c.trim, c.message = s.trim, s.message.text
	if n, ok := s.numbers["max_bytes"]; ok {
		c.checks = append(c.checks, maxBytes(n))
	}
	c.checks = append(c.checks, texts(s)...)
	if s.enum != nil {
		c.checks = append(c.checks, b.enum(c, s.enum, path))
	}
	c.checks = append(c.checks, b.bounds(c.Column, s, path)...)
	if slices.ContainsFunc([]string{"max_depth", "min_items", "max_items", "items", "json_schema"}, func(key string) bool { return s.has(key) }) {
		c.checks = append(c.checks, b.document(s, path))
	}
}

func (s *checksSpec) has(key string) bool {
	_, ok := s.at[key]
	return ok
}

// consistent looks for limits that nothing can keep to.
func (b *tableBinder) consistent(s *checksSpec, path string) {
	for _, pair := range [][2]string{{"min_len", "max_len"}, {"min_items", "max_items"}} {
		low, some := s.numbers[pair[0]]
		high, others := s.numbers[pair[1]]
		if some && others && low > high {
			b.fault(s.at[pair[1]], path, "P102", "%s is less than %s", pair[1], pair[0])
		}
	}
	if s.items != nil {
		b.consistent(s.items, path+".items")
	}
}

// texts are the checks of texts.
func texts(s *checksSpec) (out []check) {
	if n, ok := s.numbers["min_len"]; ok {
		out = append(out, minLen(n))
	}
	if n, ok := s.numbers["max_len"]; ok {
		out = append(out, maxLen(n))
	}
	if s.pattern != nil {
		out = append(out, pattern(s.pattern))
	}
	if s.format != "" {
		out = append(out, format(s.format))
	}
	return out
}

// enum binds the values that the policy lists, each of which the database has to take.
func (b *tableBinder) enum(c *column, list []word, path string) check {
	var values []any
	var names []string
	known := b.out.meta.Column(c.Name).Values
	for _, w := range list {
		v, err := c.Convert(w.text)
		if err != nil || known != nil && !slices.Contains(known, w.text) {
			b.fault(w.pos, path+".enum", "P110", "%q is not a value of %s%s", w.text, c.Name, ofValues(known))
			continue
		}
		values, names = append(values, v), append(names, w.text)
	}
	return oneOf(names, func(v any) bool {
		return slices.ContainsFunc(values, func(known any) bool { return c.Equal(known, v) })
	})
}

// ofValues lists the values that there are, where the database says.
func ofValues(known []string) string {
	if known == nil {
		return ""
	}
	return " (" + strings.Join(known, ", ") + ")"
}

// bounds binds the least and the greatest value of a column.
func (b *tableBinder) bounds(c *writegate.Column, s *checksSpec, path string) (out []check) {
	var limits []any
	for _, w := range []word{s.min, s.max} {
		if w.text == "" {
			continue
		}
		limit, ok := limitOf(c, w.text)
		if !ok {
			b.fault(w.pos, path, "P102", "%q can't be compared with %s, which is %s", w.text, c.Name, c.Type)
			return nil
		}
		if limits = append(limits, limit); len(limits) == 2 && less(limits[1], limits[0]) {
			b.fault(w.pos, path, "P102", "max is less than min")
		}
		out = append(out, bound(w == s.min, w.text, comparer(c.Type, limit)))
	}
	return out
}

// limitOf reads a bound of a column, as what its values are compared with.
func limitOf(c *writegate.Column, text string) (any, bool) {
	switch c.Type {
	case writegate.Float:
		f, err := strconv.ParseFloat(text, 64)
		return f, err == nil && !math.IsNaN(f)
	case writegate.Timestamp, writegate.Date:
		v, err := c.Convert(text)
		if err != nil {
			return nil, false
		}
		return instant(v)
	}
	d, ok := readExact(text)
	return d, ok && (c.Type != writegate.Int || d.point >= len(d.digits))
}

func less(a, b any) bool {
	switch a := a.(type) {
	case float64:
		return a < b.(float64)
	case time.Time:
		return a.Before(b.(time.Time))
	case exact:
		return a.compare(b.(exact)) < 0
	}
	return false
}

// document binds what has to hold for a JSON document or a list.
func (b *tableBinder) document(s *checksSpec, path string) check {
	d := documentSpec{depth: s.numbers["max_depth"], minItems: -1, maxItems: -1, schema: s.schema}
	if n, ok := s.numbers["min_items"]; ok {
		d.minItems = n
	}
	if n, ok := s.numbers["max_items"]; ok {
		d.maxItems = n
	}
	if s.items != nil {
		d.items = b.items(s.items, path+".items")
	}
	return document(d)
}

// items binds what has to hold for each item of a list, which is text, a number or a truth value.
func (b *tableBinder) items(s *checksSpec, path string) []check {
	out := texts(s)
	if s.enum != nil {
		out = append(out, itemEnum(s.enum))
	}
	var limits []exact
	for _, w := range []word{s.min, s.max} {
		if w.text == "" {
			continue
		}
		limit, ok := readExact(w.text)
		if limits = append(limits, limit); !ok || len(limits) == 2 && limit.compare(limits[0]) < 0 {
			b.fault(w.pos, path, "P102", "%s is no number, or max is less than min", quote(w.text))
			return nil
		}
		out = append(out, bound(w == s.min, w.text, comparer(writegate.Decimal, limit)))
	}
	return out
}

// itemEnum takes the items that a list names: texts, and numbers that equal one.
func itemEnum(list []word) check {
	names := make([]string, len(list))
	for i, w := range list {
		names[i] = w.text
	}
	return oneOf(names, func(v any) bool {
		switch v := v.(type) {
		case string:
			return slices.Contains(names, v)
		case bool:
			return slices.Contains(names, strconv.FormatBool(v))
		case json.Number:
			is, ok := exactOf(v)
			return ok && slices.ContainsFunc(names, func(name string) bool {
				d, number := readExact(name)
				return number && d.compare(is) == 0
			})
		}
		return false
	})
}
