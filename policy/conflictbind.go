package policy

import (
	"slices"
	"strings"
	"time"

	"writegate"
)

// conflict binds conflict:. The columns that it names are its own: what clients send for them tells of their changes, and
// is never stored as it is.
func (b *tableBinder) conflict() {
	spec := b.spec.conflict
	if spec == nil || spec.strategy.text == "none" {
		return
	}
	k := &conflict{
		expected: sourceOf(spec.expected.text), lenient: spec.lenient, ending: spec.ending,
		clock: clock{server: spec.server, future: spec.future, tie: spec.tie},
	}
	told := !spec.server
	switch spec.strategy.text {
	case "version":
		k.strategy, told = byVersion, k.expected.of == fromData
		if k.column = b.keeper(spec, spec.column, told, writegate.Int); k.column != nil && !told {
			b.out.version = k.column
		}
	case "timestamp":
		k.strategy, told = byTime, k.expected.of == fromData
		if told { // the client's stamp may not be older than the stored one
			k.strategy, k.clock.required = lastRow, !k.lenient
		}
		k.column = b.keeper(spec, spec.column, told, writegate.Timestamp)
	case "lww":
		k.strategy = lastRow
		k.column = b.keeper(spec, spec.column, told, writegate.Timestamp)
		if spec.writer.text != "" {
			k.clock.writer = b.keeper(spec, spec.writer, false, writegate.Text)
		} else if spec.tie == deviceDecides {
			b.warn(spec.said["tie"], spec.path, "P140", "nothing keeps which device made the last change, so what is stored wins a tie; name a column for it by writer:")
		}
	case "field_lww":
		k.strategy = lastField
		b.clocks(spec, k, told)
	}
	b.mergers(spec, k)
	for _, w := range spec.expose {
		if c := b.column(w, spec.path+".expose"); c != nil {
			k.expose = append(k.expose, c)
		}
	}
	b.out.conflict = k
}

// keeper binds a column in which the conflict keeps something.
func (b *tableBinder) keeper(spec *conflictSpec, w word, told bool, of ...writegate.Type) *column {
	c := b.writable(w, spec.path)
	switch {
	case c == nil:
		return nil
	case !slices.Contains(of, c.Type):
		b.fault(w.pos, spec.path, "P102", "%s is %s, but has to be %s", c.Name, c.Type, of[0])
		return nil
	case c.immutable:
		b.fault(w.pos, spec.path, "", "%s is listed under immutable:, but conflict: changes it", c.Name)
	case c.managed:
		b.fault(w.pos, spec.path, "", "%s is named twice under conflict:", c.Name)
	}
	c.managed = true
	switch {
	case c.mode != unlisted:
	case told:
		c.mode = listed
	default:
		c.mode = server
	}
	b.unshared(c, !told, "conflict: writes %s")
	return c
}

// unshared looks for others that would write a column.
func (b *tableBinder) unshared(c *column, rules bool, why string) {
	for _, a := range b.spec.defaults {
		if a.to.text == c.Name && c.counter == nil {
			b.fault(a.to.pos, b.path+".default", "", why, c.Name)
		}
	}
	for _, set := range b.spec.sets {
		for _, a := range set.values {
			if a.to.text == c.Name {
				b.fault(a.to.pos, set.path, "", why, c.Name)
			}
		}
	}
	for _, u := range b.spec.rules {
		for _, w := range u.columns {
			if rules && w.text == c.Name {
				b.fault(w.pos, u.path+".columns", "", why+", so clients can't", c.Name)
			}
		}
	}
}

// clocks binds where field_lww keeps the times of changes.
func (b *tableBinder) clocks(spec *conflictSpec, k *conflict, told bool) {
	k.clock.prefix, k.clock.suffix = "", "_modified_at"
	if spec.stamps.text == "" {
		k.clock.document = b.keeper(spec, spec.clocks, told, writegate.Document, writegate.Text)
		return
	}
	if spec.tie == deviceDecides {
		b.fault(spec.said["tie"], spec.path, "", "stamp_column: does not keep which device made a change; clocks: does")
	}
	k.clock.prefix, k.clock.suffix, _ = strings.Cut(spec.stamps.text, "{field}")
	k.clock.columns = map[string]*column{}
	for _, c := range b.out.meta.Columns {
		name := k.clock.prefix + c.Name + k.clock.suffix
		if b.out.columns[name] == nil {
			continue
		}
		if stamp := b.keeper(spec, word{name, spec.stamps.pos}, told, writegate.Timestamp); stamp != nil {
			k.clock.columns[c.Name] = stamp
		}
	}
	if len(k.clock.columns) == 0 {
		b.fault(spec.stamps.pos, spec.path, "P101", "table %s has no column of the form %s", b.out.meta.Name, spec.stamps.text)
	}
}

// mergers binds merge:.
func (b *tableBinder) mergers(spec *conflictSpec, k *conflict) {
	k.mergers, k.rest = map[string]merger{}, mergers["conflict"]
	path := spec.path + ".merge"
	for _, m := range spec.merge {
		how := mergers[m.how.text]
		if m.column.text == "*" {
			if k.rest = how; how.of != nil {
				b.fault(m.how.pos, path, "P102", "%s is not for every type of column, as * asks for", m.how.text)
			}
			continue
		}
		c := b.column(m.column, path)
		switch {
		case c == nil:
		case c.managed:
			b.fault(m.column.pos, path, "", "%s belongs to conflict: or counters: and is not merged", c.Name)
		case !how.fits(c.Type):
			b.fault(m.how.pos, path, "P102", "%s is for columns of type %s, but %s is %s", m.how.text, typeList(how.of), c.Name, c.Type)
		default:
			k.mergers[c.Name] = how
		}
	}
}

func typeList(of []writegate.Type) string {
	names := make([]string, len(of))
	for i, t := range of {
		names[i] = t.String()
	}
	return strings.Join(names, ", ")
}

// admitStamps has every rule admit the stamps that clients send: they tell of changes, and change nothing that is granted.
func (b *tableBinder) admitStamps() {
	for name, c := range b.out.columns {
		if !c.managed || c.counter != nil || c.mode != listed {
			continue
		}
		for _, r := range slices.Concat(b.out.creates, b.out.updates, b.out.undeletes) {
			r.columns[name] = true
		}
	}
}

// units notes in which units clients send times as numbers.
func (b *tableBinder) units() {
	for i := range b.spec.columns {
		spec := &b.spec.columns[i]
		if c := b.out.columns[spec.name.text]; c != nil {
			c.unit = map[string]time.Duration{"epoch_s": time.Second, "epoch_ms": time.Millisecond, "epoch_us": time.Microsecond}[spec.encoding.text]
		}
	}
}

// logged binds changelog: of a table.
func (b *tableBinder) logged() {
	path := b.path + ".changelog"
	for _, w := range b.spec.changelog {
		if w.text == "*" {
			for _, c := range b.out.meta.Columns {
				if col := b.out.columns[c.Name]; col != b.out.key && !col.part && !c.ReadOnly && !slices.Contains(b.out.logged, col) {
					b.out.logged = append(b.out.logged, col)
				}
			}
			continue
		}
		if c := b.column(w, path); c != nil && c != b.out.key && !c.part {
			b.out.logged = append(b.out.logged, c)
		}
	}
}

// recorded checks that there is a place for what the tables want recorded.
func (r *reader) recorded(s *spec) {
	for i := range s.tables {
		t := &s.tables[i]
		if t.conflict != nil && t.conflict.ending == records && s.conflicts == nil {
			r.fault(t.conflict.said["on_conflict"], t.conflict.path, "", "on_conflict: record needs conflicts:, which names the table for it")
		}
		if len(t.changelog) > 0 && s.changelog == nil {
			r.fault(t.changelog[0].pos, "tables."+t.name.text+".changelog", "", "a change log needs changelog: at the top, which names the table for it")
		}
		if t.name.text == "" {
			continue
		}
		for _, f := range []*feedSpec{s.conflicts, s.changelog} {
			if f != nil && f.table.text == t.name.text && len(t.changelog) > 0 && f == s.changelog {
				r.fault(t.changelog[0].pos, "tables."+t.name.text+".changelog", "", "the change log does not tell of itself")
			}
		}
	}
}

// Identified lists the tables whose operations need an identity, in the order of the file: those with counters, or with
// versions. Without the ledger nothing is written to them.
func (s *Source) Identified() []string {
	var names []string
	for i := range s.spec.tables {
		t := &s.spec.tables[i]
		c := t.conflict
		if len(t.counters) > 0 || c != nil && (c.strategy.text == "version" || c.strategy.text == "timestamp" && c.expected.text != "data") {
			names = append(names, t.name.text)
		}
	}
	return names
}

// once reports whether doing a PUT or a PATCH twice would do harm.
func (t *table) once(a *writegate.Admitted) bool {
	if k := t.conflict; k != nil && (k.strategy == byVersion || k.strategy == byTime) {
		return true
	}
	return slices.ContainsFunc(t.counters, func(c *counter) bool { _, sent := a.Values[c.col.Name]; return sent })
}

// linked reports whether the decision asks what the device is remembered for.
func (t *table) linked() bool { return t.conflict != nil && t.conflict.chained() }

// fills reports whether conflict: fills a column of a new row.
func (k *conflict) fills(c *column) bool { return k != nil && (c == k.column || c == k.clock.writer) }

// accounts lists the columns of a stored row that conflicts and the change log read. Those of counters come with what
// the client sends.
func (t *table) accounts() (names []string) {
	for _, c := range t.logged {
		names = append(names, c.Name)
	}
	k := t.conflict
	if k == nil {
		return names
	}
	for _, c := range append([]*column{k.column, k.clock.document, k.clock.writer}, k.expose...) {
		if c != nil {
			names = append(names, c.Name)
		}
	}
	for _, c := range k.clock.columns {
		names = append(names, c.Name)
	}
	return names
}
