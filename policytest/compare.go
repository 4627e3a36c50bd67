package policytest

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"writegate"
)

// compare lists what went otherwise than expected.
func (b *Bound) compare(c *Case, e expect, got []Outcome) []Mismatch {
	if e.each != nil {
		var all []Mismatch
		for i := range e.each {
			all = append(all, b.differences(c, i, &e.each[i], got[i])...)
		}
		return all
	}
	if len(got) > 1 {
		return b.differences(c, -1, e.whole, whole(got))
	}
	return b.differences(c, 0, e.whole, got[0])
}

// differences holds one outcome against what is expected of it. I is the place of the operation, -1 for the transaction.
func (b *Bound) differences(c *Case, i int, w *want, got Outcome) []Mismatch {
	var all []Mismatch
	for _, pair := range []struct{ what, expected, got string }{
		{"outcome", w.outcome, got.Outcome},
		{"code", w.code, got.Code},
		{"rule", w.rule, got.Rule},
		{"field", w.field, got.Field},
		{"message", w.message, got.Message},
	} {
		if pair.expected != "" && pair.expected != pair.got {
			all = append(all, Mismatch{w.at, pair.what, pair.expected, cmp.Or(pair.got, "none")})
		}
	}
	if len(all) > 0 && all[0].What == "outcome" && got.Code != "" && w.code == "" {
		all[0].Got += " (" + got.Code + ")" // what anybody asks next
	}
	if len(all) > 0 && got.Cause != "" {
		all[0].Got += ", because " + got.Cause
	}
	if i < 0 {
		return all
	}
	switch {
	case w.gone && got.Row != nil:
		all = append(all, Mismatch{w.rowAt, "row", "no row", "a row"})
	case w.row != nil && got.Row == nil:
		all = append(all, Mismatch{w.rowAt, "row", "a row", "no row"})
	case w.row != nil:
		all = append(all, b.cells(&c.Ops[i], w, got.Row)...)
	}
	for j := range all {
		if len(c.Ops) > 1 {
			all[j].What = fmt.Sprintf("operation %d: %s", i+1, all[j].What)
		}
	}
	return all
}

// cells compares the columns that are expected, as the database compares values.
func (b *Bound) cells(op *writegate.Op, w *want, row writegate.Row) []Mismatch {
	var all []Mismatch
	for _, cell := range w.row {
		column := b.Tables.Schema[op.Table].Column(cell.column)
		var expected any = b.File.Now
		if !isNow(cell) {
			expected = cell.value
		}
		expected, err := column.Convert(expected)
		if err != nil { // only $now in a column that holds no time
			all = append(all, Mismatch{cell.at, "row." + cell.column, now, written(row[cell.column])})
			continue
		}
		if actual := row[cell.column]; !column.Equal(expected, actual) {
			all = append(all, Mismatch{cell.at, "row." + cell.column, written(expected), written(actual)})
		}
	}
	return all
}

// written is a stored value as it would stand in a test file.
func written(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case string:
		if v == "" || strings.TrimSpace(v) != v || strings.ContainsAny(v, "\n\t\"") && !strings.HasPrefix(v, "{") && !strings.HasPrefix(v, "[") {
			return strconv.Quote(v)
		}
		return v
	case writegate.Bytes:
		return fmt.Sprintf("%x", string(v))
	}
	return fmt.Sprint(v)
}
