package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"writegate"
)

// check is one thing that has to hold for what a client sends for a column: a stored value other than null, or an item of
// a list in JSON. Where it does not hold, it returns the reason of the refusal and what completes "table.column: ".
type check func(v any) (reason, why string)

// checked holds a value to what columns: says. Null is nobody's business but the database's.
func (c *column) checked(t *table, v any) *writegate.Error {
	if v == nil {
		return nil
	}
	for _, check := range c.checks {
		reason, why := check(v)
		if reason == "" {
			continue
		}
		message := c.message
		if message == "" {
			message = c.qualified + ": " + why
		}
		code := writegate.CheckViolation
		if reason == wrongType {
			code = writegate.InvalidData
		}
		return t.refuse(code, reason, c.Name, message)
	}
	return nil
}

// checkedAgain holds what conflicts and counters made of a value to the same. What the client sent was checked when it
// came.
func (t *table) checkedAgain(sent, values writegate.Row) *writegate.Decision {
	if t.conflict == nil && t.counters == nil {
		return nil
	}
	var faults columnFaults
	for name, v := range values {
		c := t.columns[name]
		if was, ok := sent[name]; !ok || c.counter != nil || !c.Equal(was, v) {
			faults.add(name, c.checked(t, v))
		}
	}
	if e := faults.refusal(); e != nil {
		return &writegate.Decision{Refusal: e}
	}
	return nil
}

// columnFaults are what is wrong with the columns of one operation.
type columnFaults []columnFault

type columnFault struct {
	name string
	err  *writegate.Error
}

func (f *columnFaults) add(name string, err *writegate.Error) {
	if err != nil {
		*f = append(*f, columnFault{name, err})
	}
}

// refusal is that of the first column by name, so that the same operation is always refused for the same reason. Its
// message tells of the others too.
func (f columnFaults) refusal() *writegate.Error {
	if len(f) == 0 {
		return nil
	}
	slices.SortFunc(f, func(a, b columnFault) int { return strings.Compare(a.name, b.name) })
	first := f[0].err
	if len(f) == 1 {
		return first
	}
	var said []string
	for i := range f[:min(len(f), maxFailures)] {
		said = append(said, strings.TrimSuffix(f[i].err.Message, "."))
	}
	if more := len(f) - maxFailures; more > 0 {
		said = append(said, fmt.Sprintf("and %d more", more))
	}
	first.Message = strings.Join(said, "; ")
	return first
}

// counted is how many of something there are, in words.
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}

// wrongType is the reason of what is not of the type that a column has, or none of the values that it lists.
const wrongType = "column.type"

// ofText makes a check of texts.
func ofText(reason, why string, ok func(text string) bool) check {
	return func(v any) (string, string) {
		text, is := v.(string)
		switch {
		case !is:
			return wrongType, "must be text"
		case ok(text):
			return "", ""
		}
		return reason, why
	}
}

func minLen(n int64) check {
	return ofText("column.min_len", "must have at least "+counted(n, "character", "characters"), func(text string) bool {
		return int64(len(text)) >= n && int64(utf8.RuneCountInString(text)) >= n
	})
}

func maxLen(n int64) check {
	return ofText("column.max_len", "must have at most "+counted(n, "character", "characters"), func(text string) bool {
		return int64(len(text)) <= n || int64(utf8.RuneCountInString(text)) <= n
	})
}

func pattern(re *regexp.Regexp) check {
	return ofText("column.pattern", "has the wrong form", re.MatchString)
}

func format(name string) check {
	f := formats[name]
	return ofText("column.format", "must be "+f.what, f.is)
}

func maxBytes(n int64) check {
	return func(v any) (string, string) {
		size := 0
		switch v := v.(type) {
		case string:
			size = len(v)
		case writegate.Bytes:
			size = len(v)
		}
		if int64(size) > n {
			return "column.max_bytes", "must have at most " + counted(n, "byte", "bytes")
		}
		return "", ""
	}
}

// oneOf takes the values that equal one of a list.
func oneOf(names []string, known func(v any) bool) check {
	why := "must be one of " + strings.Join(names, ", ")
	if len(why) > maxMessage {
		why = "must be one of the values that the policy lists"
	}
	return func(v any) (string, string) {
		if known(v) {
			return "", ""
		}
		return wrongType, why
	}
}
