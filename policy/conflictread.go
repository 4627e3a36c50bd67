package policy

import (
	"maps"
	"slices"
	"strings"
	"time"

	"writegate/policy/internal/near"
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

// conflictKeys are the keys that each strategy has besides strategy:.
var conflictKeys = map[string][]string{
	"none":      nil,
	"version":   {"column", "expected", "missing_expected", "on_conflict", "merge", "expose"},
	"timestamp": {"column", "expected", "missing_expected", "on_conflict", "merge", "expose", "max_future"},
	"lww":       {"column", "on_conflict", "merge", "expose", "clock", "max_future", "tie", "writer"},
	"field_lww": {"clocks", "stamp_column", "on_conflict", "merge", "expose", "clock", "max_future", "tie"},
}

var endings = map[string]ending{
	"reject": rejects, "dead_letter": rejects, "merge": merges, "server_wins": serverWins, "record": records, "apply": applies,
}

// conflict reads how conflicts are noticed, and what becomes of them.
func (r *reader) conflict(path string, into **conflictSpec) func(*tree.Node) {
	path += ".conflict"
	return func(n *tree.Node) {
		s := &conflictSpec{pos: n.Pos, path: path, future: usualFuture, said: map[string]tree.Pos{}}
		r.keys(n, path, map[string]func(*tree.Node){
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
		})
		if n.Kind != tree.Map {
			return
		}
		for _, f := range n.Fields {
			s.said[f.Name] = f.Pos
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

// strategy checks that the keys of conflict: go together.
func (r *reader) strategy(s *conflictSpec) {
	names := slices.Sorted(maps.Keys(conflictKeys))
	keys, known := conflictKeys[s.strategy.text]
	switch {
	case s.strategy.text == "":
		r.fault(s.pos, s.path, "", "the key strategy: is missing; it is one of %s", strings.Join(names, ", "))
		return
	case !known:
		r.fault(s.strategy.pos, s.path, "", "unknown strategy %q%s; there are %s", s.strategy.text, near.Hint(s.strategy.text, names), strings.Join(names, ", "))
		return
	}
	for _, key := range slices.Sorted(maps.Keys(s.said)) {
		if key != "strategy" && !slices.Contains(keys, key) && slices.Contains(allConflictKeys(), key) {
			r.fault(s.said[key], s.path, "", "%s: has no meaning with strategy: %s", key, s.strategy.text)
		}
	}
	_, column := s.said["column"]
	_, clocks := s.said["clocks"]
	_, stamps := s.said["stamp_column"]
	_, merged := s.said["merge"]
	_, ended := s.said["on_conflict"]
	latest := s.strategy.text == "lww" || s.strategy.text == "field_lww"
	switch {
	case slices.Contains(keys, "column") && !column:
		r.fault(s.pos, s.path, "", "the key column: is missing; it names the column that holds the %s", map[string]string{"version": "version"}[s.strategy.text]+map[string]string{"timestamp": "time of the last change", "lww": "time of the last change"}[s.strategy.text])
	case s.strategy.text == "field_lww" && clocks == stamps:
		r.fault(s.pos, s.path, "", "the times of changes are kept either in a JSON column, clocks:, or in columns of their own, stamp_column:")
	case s.ending == merges && !merged:
		r.fault(s.said["on_conflict"], s.path, "", "on_conflict: merge needs merge:, which says how")
	case merged && s.ending != merges:
		r.fault(s.said["merge"], s.path, "", "merge: has no meaning without on_conflict: merge")
	case latest && ended && s.ending == applies:
		r.fault(s.said["on_conflict"], s.path, "", "to apply what is older is to have no strategy: say strategy: none")
	case latest && !ended:
		s.ending = serverWins
	}
	if stamps && strings.Count(s.stamps.text, "{field}") != 1 {
		r.fault(s.stamps.pos, s.path, "", `stamp_column: has {field} in it once, as in "{field}_modified_at"`)
	}
	if s.future > 24*time.Hour {
		r.fault(s.said["max_future"], s.path, "P140", "a clock that may be a day ahead wins for a day over all others; clocks of clients are right within minutes")
	}
	r.expected(s)
}

func allConflictKeys() []string {
	var all []string
	for _, keys := range conflictKeys {
		all = append(all, keys...)
	}
	return all
}

// expected checks where the base of a change comes from.
func (r *reader) expected(s *conflictSpec) {
	switch {
	case s.expected.text == "":
		if s.expected.text = "previous"; s.strategy.text == "version" {
			s.expected.text = "req.base_version"
		}
	case s.expected.text == "req.base_version" && s.strategy.text == "timestamp":
		r.fault(s.expected.pos, s.path, "", "req.base_version is a number; say previous, data or metadata.NAME")
	case s.expected.text == "req.base_version" || s.expected.text == "previous" || s.expected.text == "data":
	default:
		r.from(s.expected, s.path, "req.base_version, previous, data or metadata.NAME")
	}
	if _, future := s.said["max_future"]; future && s.strategy.text == "timestamp" && s.expected.text != "data" {
		r.fault(s.said["max_future"], s.path, "", "max_future: is about times that clients send, which is expected: data")
	}
}

// from reads a path of the metadata.
func (r *reader) from(w word, path, allowed string) source {
	steps := strings.Split(w.text, ".")
	if steps[0] != "metadata" || len(steps) < 2 || slices.Contains(steps, "") {
		r.fault(w.pos, path, "", "expected %s", allowed)
	}
	return source{of: fromMetadata, path: steps[1:]}
}

// sourceOf reads what was checked when the file was.
func sourceOf(text string) source {
	switch text {
	case "req.base_version":
		return source{of: fromRequest}
	case "previous":
		return source{of: fromPrevious}
	case "data":
		return source{of: fromData}
	case "delta":
		return source{of: fromDelta}
	}
	return source{of: fromMetadata, path: strings.Split(text, ".")[1:]}
}
