package policy

import (
	"slices"
	"strings"

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
