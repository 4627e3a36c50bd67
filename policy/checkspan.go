package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"writegate"
	"writegate/policy/internal/tree"
)

// interval is a least and a most, one of which may be blank. What it is about depends on the type of the column.
type interval struct{ low, high word }

// interval reads 1..100, 0.. or ..8.
func (r *reader) interval(path string, into *interval) func(*tree.Node) {
	return func(n *tree.Node) {
		w := r.word(n, path)
		low, high, ok := strings.Cut(w.text, "..")
		if !ok || low == "" && high == "" {
			r.fault(w.pos, path, "", "a range is a least and a most, as in 1..100, or one of them, as in 1.. and ..100")
			return
		}
		*into = interval{word{low, w.pos}, word{high, w.pos}}
	}
}

// measured makes of a range what it is about: the length of a text, the items of a document, or the value itself.
func (b *tableBinder) measured(c *column, s *checksSpec, path string) *checksSpec {
	at, there := s.at["range"]
	if !there {
		return s
	}
	out := *s
	out.at, out.numbers = maps.Clone(s.at), maps.Clone(s.numbers)
	keys, counted := [2]string{"min_len", "max_len"}, true
	switch {
	case slices.Contains(ofJSON, c.Type):
		keys = [2]string{"min_items", "max_items"}
	case slices.Contains(ofOrder, c.Type):
		keys, counted = [2]string{"min", "max"}, false
	case c.Type != writegate.Text && c.Type != writegate.Other:
		b.fault(at, path, "P102", "a range is for texts, numbers, times and documents, but %s is %s", c.Name, c.Type)
		return s
	}
	for i, end := range []word{s.span.low, s.span.high} {
		n, err := strconv.ParseUint(end.text, 10, 31)
		switch {
		case end.text == "":
			continue
		case s.has(keys[i]):
			b.fault(at, path, "", "range: and %s: say the same thing of %s; take one of the two away", keys[i], c.Name)
		case !counted && i == 0:
			out.min = end
		case !counted:
			out.max = end
		case err != nil:
			b.fault(at, path, "P102", "%q is no number of characters or items, which is what a range of %s counts", end.text, c.Name)
		default:
			out.numbers[keys[i]] = int64(n)
		}
		out.at[keys[i]] = at
	}
	return &out
}
