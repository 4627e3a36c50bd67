package policy

import (
	"cmp"
	"math/big"
	"slices"
	"strings"
	"time"

	"writegate"
)

// merger makes one value of a column out of three.
type merger struct {
	// of are the types of columns that it is for, nil for all.
	of    []writegate.Type
	merge func(c *column, v versions) (any, bool)
}

// versions are the values of a column that a merger chooses from: the stored one, the one that the client sent, and
// the one that the client saw before its change. They are stored values.
type versions struct {
	stored, sent, seen any
	// knows says that the client told what it saw.
	knows bool
	// same says that it saw the stored value, at the precision in which it was told.
	same bool
}

// mergers are the functions of merge:. A merger that can't make one value of the three reports false: it is a conflict.
var mergers = map[string]merger{
	"client":       {nil, func(_ *column, v versions) (any, bool) { return v.sent, true }},
	"server":       {nil, func(_ *column, v versions) (any, bool) { return v.stored, true }},
	"conflict":     {nil, func(*column, versions) (any, bool) { return nil, false }},
	"if_unchanged": {nil, func(_ *column, v versions) (any, bool) { return v.sent, v.knows && v.same }},
	"set_union":    {mergeLists, setUnion},
	"set_diff":     {mergeLists, setDiff},
	"append":       {mergeLists, appended},
	"max":          {mergeOrdered, func(c *column, v versions) (any, bool) { return further(c.Type, v, 1) }},
	"min":          {mergeOrdered, func(c *column, v versions) (any, bool) { return further(c.Type, v, -1) }},
}

var (
	mergeLists   = []writegate.Type{writegate.List, writegate.Document, writegate.Text, writegate.Any}
	mergeOrdered = []writegate.Type{writegate.Int, writegate.Float, writegate.Decimal, writegate.Timestamp, writegate.Date}
)

func (m merger) fits(t writegate.Type) bool { return m.of == nil || slices.Contains(m.of, t) }

// further returns the greater of the stored and the sent value, or the less where sign is -1. Null is neither.
func further(t writegate.Type, v versions, sign int) (any, bool) {
	switch {
	case v.stored == nil:
		return v.sent, true
	case v.sent == nil:
		return v.stored, true
	}
	order, ok := compare(t, v.sent, v.stored)
	if order*sign > 0 {
		return v.sent, ok
	}
	return v.stored, ok
}

// compare orders two stored values. It reports false for what has no order, such as NaN.
func compare(t writegate.Type, a, b any) (int, bool) {
	switch a := a.(type) {
	case int64:
		b, ok := b.(int64)
		return cmp.Compare(a, b), ok
	case float64:
		b, ok := b.(float64)
		return cmp.Compare(a, b), ok && a == a && b == b
	case time.Time:
		b, ok := b.(time.Time)
		return a.Compare(b), ok
	case string:
		b, ok := b.(string)
		if t == writegate.Date {
			return strings.Compare(a, b), ok
		}
		x, okX := new(big.Rat).SetString(a)
		y, okY := new(big.Rat).SetString(b)
		if !okX || !okY {
			return 0, false
		}
		return x.Cmp(y), true
	}
	return 0, false
}
