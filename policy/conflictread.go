package policy

import (
	"maps"
	"slices"
	"strings"
	"time"

	"writegate/policy/internal/tree"
)

// conflictSpec is what conflict: says.
type conflictSpec struct {
	pos      tree.Pos
	path     string
	strategy word
	said     map[string]tree.Pos // the keys that are there
	column   word
	expected word
	lenient  bool
	ending   ending
	merge    []mergeSpec
	server   bool
	future   time.Duration
	tie      tie
	writer   word
	clocks   word
	stamps   word
	expose   []word
}

// mergeSpec is how one column is merged, or with a star every other one.
type mergeSpec struct{ column, how word }

// usualFuture is how far ahead clocks of clients may be where the policy does not say.
const usualFuture = 2 * time.Minute

var endings = map[string]ending{
	"reject": rejects, "dead_letter": rejects, "merge": merges, "server_wins": serverWins, "record": records, "apply": applies,
}

// conflict reads how conflicts are noticed, and what becomes of them.
func (r *reader) conflict(path string, into **conflictSpec) func(*tree.Node) {
	path += ".conflict"
	return func(n *tree.Node) {
		s := &conflictSpec{pos: n.Pos, path: path, future: usualFuture, said: map[string]tree.Pos{}}
		known := map[string]func(*tree.Node){
			"strategy":         func(n *tree.Node) { s.strategy = r.word(n, path) },
			"column":           func(n *tree.Node) { s.column = r.word(n, path) },
			"expected":         func(n *tree.Node) { s.expected = r.word(n, path) },
			"missing_expected": choice(r, path+".missing_expected", &s.lenient, map[string]bool{"reject": false, "apply": true}),
			"on_conflict":      choice(r, path+".on_conflict", &s.ending, endings),
			"merge":            func(n *tree.Node) { r.merge(n, path+".merge", s) },
			"clock":            choice(r, path+".clock", &s.server, map[string]bool{"client": false, "server": true}),
			"max_future":       r.span(path+".max_future", &s.future),
			"tie":              choice(r, path+".tie", &s.tie, map[string]tie{"client": clientWins, "server": serverStays, "client_id": deviceDecides}),
			"writer":           func(n *tree.Node) { s.writer = r.word(n, path) },
			"clocks":           func(n *tree.Node) { s.clocks = r.word(n, path) },
			"stamp_column":     func(n *tree.Node) { s.stamps = r.word(n, path) },
			"expose":           r.some(path+".expose", &s.expose),
		}
		r.keys(n, path, known)
		if n.Kind != tree.Map {
			return
		}
		for _, f := range n.Fields {
			if known[f.Name] != nil {
				s.said[f.Name] = f.Pos
			}
		}
		*into = s
		r.strategy(s)
	}
}

func (r *reader) merge(n *tree.Node, path string, s *conflictSpec) {
	if !r.is(n, path, tree.Map) {
		return
	}
	for _, f := range n.Fields {
		how := r.word(f.Value, path)
		if _, ok := mergers[how.text]; !ok && how.text != "" {
			r.fault(how.pos, path, "", "unknown way to merge %q; there are %s", how.text, strings.Join(slices.Sorted(maps.Keys(mergers)), ", "))
			continue
		}
		s.merge = append(s.merge, mergeSpec{word{f.Name, f.Pos}, how})
	}
}
