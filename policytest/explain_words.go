package policytest

import (
	"fmt"
	"slices"
	"strings"

	"writegate"
	"writegate/policy"
)

func (e *explainer) operation(op *writegate.Op) string {
	text := string(op.Kind) + " " + op.Table + "/" + op.ID
	if op.Kind != writegate.Delete {
		text += " " + e.row(op.Data)
	}
	return text
}

func (e *explainer) lookup(q *policy.Lookup) string {
	values := make([]string, len(q.Values))
	for i, v := range q.Values {
		values[i] = e.value(q.By[i], v)
	}
	found := []string{counted(len(q.Rows), "row")}
	for _, row := range q.Rows[:min(len(q.Rows), mostRows)] {
		found = append(found, e.row(row))
	}
	if len(q.Rows) > mostRows {
		found = append(found, "…")
	}
	return fmt.Sprintf("%s(%s): %s", q.Name, strings.Join(values, ", "), strings.Join(found, " "))
}

// mostRows is how many rows of a lookup are shown.
const mostRows = 3

// row writes the columns of a row, by name.
func (e *explainer) row(row writegate.Row) string {
	var cells []string
	for name, v := range row {
		cells = append(cells, name+": "+e.value(name, v))
	}
	slices.Sort(cells)
	return "{" + strings.Join(cells, ", ") + "}"
}

// value writes the value of a column.
func (e *explainer) value(column string, v any) string {
	if e.hides(column) {
		return redacted
	}
	return written(v)
}

const redacted = "<redacted>"

// hides reports whether a text names a column whose values are not shown.
func (e *explainer) hides(text string) bool { return e.hidden != nil && e.hidden.MatchString(text) }
