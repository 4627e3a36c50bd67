// Package fault is what the readers of files report: everything that is wrong with one at once, each with its place.
package fault

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a file.
type Fault struct {
	File string
	// Line and Column count from 1. They are 0 for what is wrong with a variable of the environment.
	Line, Column int
	// Path names the key with dots, such as server.limits.body; empty for the file as a whole.
	Path string
	// Message says what is wrong and what is allowed. It carries no value of a secret or of the environment.
	Message string
}

// String is one line as a compiler writes it: file:line:column: path: message.
func (f Fault) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s: %s", f.File, f.Path, f.Message)
	}
	if f.Path == "" {
		return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Column, f.Path, f.Message)
}

// Faults is everything that is wrong with a file, in the order of the file.
type Faults []Fault

// Error has one line for each fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Sort brings faults into the order of their places. Those of one place stay in the order that they have.
func Sort(fs Faults) {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
