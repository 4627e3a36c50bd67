package policy

import (
	"slices"
	"time"

	"writegate"
)

// admitStamps has every rule admit the stamps that clients send: they tell of changes, and change nothing that is granted.
func (b *tableBinder) admitStamps() {
	for name, c := range b.out.columns {
		if !c.managed || c.counter != nil {
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
