package configs

import (
	"fmt"
	"strings"

	"writegate/internal/fault"
)

// Fault is one thing that is wrong with a file.
type Fault = fault.Fault

// Faults is everything that is wrong with a file, in the order of the file. It is the error of [Load].
type Faults = fault.Faults

// unknown says that name is none of those known, and which one was probably meant.
func unknown(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(name, k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", best)
	}
	return "unknown key; allowed are " + strings.Join(known, ", ")
}

// distance counts the letters to add, drop or change between two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
