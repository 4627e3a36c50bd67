package policy

import (
	"maps"
	"slices"
	"strings"
	"time"

	"writegate/policy/internal/near"
)

// conflictKeys are the keys that each strategy has besides strategy:.
var conflictKeys = map[string][]string{
	"none":      nil,
	"version":   {"column", "expected", "missing_expected", "on_conflict", "merge", "expose"},
	"timestamp": {"column", "expected", "missing_expected", "on_conflict", "merge", "expose", "max_future"},
	"lww":       {"column", "on_conflict", "merge", "expose", "clock", "max_future", "tie", "writer"},
	"field_lww": {"clocks", "stamp_column", "on_conflict", "merge", "expose", "clock", "max_future", "tie"},
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
		if key != "strategy" && !slices.Contains(keys, key) {
			r.fault(s.said[key], s.path, "", "%s: has no meaning with strategy: %s", key, s.strategy.text)
		}
	}
	_, column := s.said["column"]
	_, clocks := s.said["clocks"]
	_, stamps := s.said["stamp_column"]
	if slices.Contains(keys, "column") && !column {
		what := "time of the last change"
		if s.strategy.text == "version" {
			what = "version"
		}
		r.fault(s.pos, s.path, "", "the key column: is missing; it names the column that holds the %s", what)
	}
	if s.strategy.text == "field_lww" && clocks == stamps {
		r.fault(s.pos, s.path, "", "the times of changes are kept either in a JSON column, clocks:, or in columns of their own, stamp_column:")
	}
	if stamps && strings.Count(s.stamps.text, "{field}") != 1 {
		r.fault(s.stamps.pos, s.path, "", `stamp_column: has {field} in it once, as in "{field}_modified_at"`)
	}
	if s.future > 24*time.Hour {
		r.fault(s.said["max_future"], s.path, "P140", "a clock that may be a day ahead wins for a day over all others; clocks of clients are right within minutes")
	}
	r.ending(s)
	r.expected(s)
}

// ending checks what becomes of a conflict.
func (r *reader) ending(s *conflictSpec) {
	_, merged := s.said["merge"]
	_, ended := s.said["on_conflict"]
	latest := s.strategy.text == "lww" || s.strategy.text == "field_lww"
	switch {
	case s.ending == merges && !merged:
		r.fault(s.said["on_conflict"], s.path, "", "on_conflict: merge needs merge:, which says how")
	case merged && s.ending != merges:
		r.fault(s.said["merge"], s.path, "", "merge: has no meaning without on_conflict: merge")
	case latest && ended && s.ending == applies:
		r.fault(s.said["on_conflict"], s.path, "", "to apply what is older is to have no strategy: say strategy: none")
	case latest && !ended:
		s.ending = serverWins
	}
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
