package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong, or doubtful, with a policy file.
type Fault struct {
	File string
	// Line and Column count from 1, columns in characters.
	Line, Column int
	// Code numbers the check, such as P101; empty for faults of form.
	Code    string
	Message string
	// Path says which part of the policy, such as tables.lists.rules.owner.row.
	Path string
}

// String prints the fault as compilers do, so that editors can jump to it.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", f.File, f.Line, f.Column)
	if f.Code != "" {
		b.WriteString(f.Code + " ")
	}
	b.WriteString(f.Message)
	if f.Path != "" {
		b.WriteString(" (" + f.Path + ")")
	}
	return b.String()
}

// Faults are all that was found at once, in the order of the file. It is the error of [Load], [Parse] and
// [Source.Bind].
type Faults []Fault

// Error lists the faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}

// sorted orders faults by place and leaves out repetitions, as of an expression that two operations share.
func (f Faults) sorted() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(f, func(a, b Fault) bool {
		return a.Line == b.Line && a.Column == b.Column && a.Message == b.Message
	})
}
