// Package near finds the word that somebody probably meant.
package near

import "strings"

// Word returns the candidate that is closest to a mistyped word, or "" when none is close.
func Word(typed string, candidates []string) string {
	best, least := "", max(1, min(3, len(typed)/3))+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(typed), strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// Hint completes a message about an unknown word: "; did you mean x?", or nothing.
func Hint(typed string, candidates []string) string {
	if w := Word(typed, candidates); w != "" {
		return "; did you mean " + w + "?"
	}
	return ""
}

// distance counts the insertions, deletions and replacements that turn a into b.
func distance(a, b string) int {
	ar, br := []rune(a), []rune(b)
	row := make([]int, len(br)+1)
	for j := range row {
		row[j] = j
	}
	for i, ra := range ar {
		diagonal := row[0]
		row[0] = i + 1
		for j, rb := range br {
			above := row[j+1]
			row[j+1] = min(above, row[j]) + 1
			if ra == rb {
				row[j+1] = min(row[j+1], diagonal)
			} else {
				row[j+1] = min(row[j+1], diagonal+1)
			}
			diagonal = above
		}
	}
	return row[len(br)]
}
