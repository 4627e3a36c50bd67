package schemafile

import (
	"cmp"
	"slices"

	"writegate/internal/fault"
)

// Fault is one thing that is wrong with a file. Its line and column count from 1, and its path names the key, such as
// tables.lists.key.
type Fault = fault.Fault

// Faults are all that was found at once, in the order of the file. It is the error of [Load] and [Parse].
type Faults = fault.Faults

// sorted brings faults into the order of the file, and those of one place into that of their messages.
func sorted(fs Faults) Faults {
	slices.SortStableFunc(fs, func(a, b Fault) int { return cmp.Compare(a.Message, b.Message) })
	fault.Sort(fs)
	return fs
}
