package policy

import (
	"slices"
	"strings"
	"time"

	"writegate"
	"writegate/policy/internal/tree"
)

// routeSpec is an item of route:.
type routeSpec struct {
	pos          tree.Pos
	codes        []word
	to           writegate.Keep
	notify       bool
	acknowledged bool
}

// letterSpec is what dead_letter: says.
type letterSpec struct {
	redact []word
	keep   time.Duration // of closed ones, zero for as long as is usual
}

// routes reads where refusals go.
func (r *reader) routes(into *[]routeSpec) func(*tree.Node) {
	return func(n *tree.Node) {
		if !r.is(n, "route", tree.List) {
			return
		}
		for _, item := range n.Items {
			u := routeSpec{pos: item.Pos}
			var codes *tree.Node
			r.keys(item, "route", map[string]func(*tree.Node){
				"codes":       func(n *tree.Node) { codes = n },
				"to":          choice(r, "route.to", &u.to, keeps),
				"notify":      r.boolean("route.notify", &u.notify),
				"acknowledge": r.boolean("route.acknowledge", &u.acknowledged),
			})
			if item.Kind != tree.Map {
				continue
			}
			if codes == nil {
				r.fault(item.Pos, "route", "", "the key codes: is missing; it lists codes of refusals, and %q stands for all", "*")
			} else {
				r.some("route.codes", &u.codes)(codes)
			}
			for _, w := range u.codes {
				if strings.Contains(strings.TrimSuffix(w.text, "*"), "*") {
					r.fault(w.pos, "route.codes", "", "a star stands for any ending, so nothing can come after it")
				}
			}
			if u.to == writegate.KeepNothing && !u.acknowledged {
				r.fault(item.Pos, "route", "", "what is dropped is lost without a trace; if that is meant, say acknowledge: true")
			}
			*into = append(*into, u)
		}
	}
}

// letters reads how dead letters are kept.
func (r *reader) letters(into *letterSpec, batch *writegate.Batch) func(*tree.Node) {
	return func(n *tree.Node) {
		r.keys(n, "dead_letter", map[string]func(*tree.Node){
			"max_per_user": integer(r, "dead_letter.max_per_user", 1, &batch.MostLetters),
			"redact":       r.words("dead_letter.redact", &into.redact),
			"keep":         r.atLeast("dead_letter.keep", leastKeep, &into.keep),
		})
	}
}

// outlet binds route:, dead_letter:, notify: and unknown:.
func (b *binder) outlet(s *spec) outlet {
	out := outlet{unknown: s.unknown, told: b.notifications(s)}
	all := false // some route takes every code
	for _, spec := range s.routes {
		u := route{keep: spec.to, notify: spec.notify && out.told != nil}
		for _, w := range spec.codes {
			u.codes = append(u.codes, w.text)
		}
		if spec.notify && s.notify == nil {
			b.fault(spec.pos, "route", "", "notify: true needs a table to tell in; say which at the top, under notify:")
		}
		if all {
			b.warn(spec.pos, "route", "P210", "no refusal gets here: the routes are asked in order, and one before takes every code")
		}
		all = all || slices.Contains(u.codes, "*")
		out.routes = append(out.routes, u)
	}
	out.redact = b.redacted(s.letters.redact)
	return out
}

// redacted finds the columns whose values dead letters leave out: those of a table where one is named before a dot, else
// all of that name.
func (b *binder) redacted(words []word) map[string][]string {
	out := map[string][]string{}
	for _, w := range words {
		table, column, qualified := strings.Cut(w.text, ".")
		if !qualified {
			table, column = "", w.text
		}
		if slices.ContainsFunc(b.tables, func(t tableSpec) bool {
			meta := b.schema[t.name.text]
			return meta != nil && (table == "" || table == meta.Name) && (meta.Key == column || meta.IsPart(column))
		}) {
			b.fault(w.pos, "dead_letter.redact", "P101", "%q is a key or part of one, which dead letters can't leave out: they name the rows that they are of", w.text)
			continue
		}
		known := slices.ContainsFunc(b.tables, func(t tableSpec) bool {
			meta := b.schema[t.name.text]
			return meta != nil && (table == "" || table == meta.Name) && meta.Column(column) != nil
		})
		if !known {
			b.fault(w.pos, "dead_letter.redact", "P101", "no table has a column %q", w.text)
		}
		out[table] = append(out[table], column)
	}
	return out
}
