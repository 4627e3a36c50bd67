package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"writegate"
)

// strategy is how a conflict is noticed.
type strategy uint8

const (
	noStrategy strategy = iota
	byVersion           // the client tells which version it changed
	byTime              // the same with the time of the last change
	lastRow             // the change that was made last wins
	lastField           // the same column by column
)

// ending is what becomes of a conflict.
type ending uint8

const (
	rejects ending = iota
	merges
	serverWins
	records
	applies
)

// conflict says how what a client sends goes together with what has become of the row since the client saw it.
type conflict struct {
	strategy strategy
	// column holds the version, or the time of the last change. It is nil for lastField.
	column   *column
	expected source
	lenient  bool // applies what comes without a base
	ending   ending
	mergers  map[string]merger
	rest     merger // of the columns that mergers does not name
	clock    clock
	expose   []*column
}

// chained reports whether the changes of one device are told apart from those of others by a link.
func (k *conflict) chained() bool {
	switch k.strategy {
	case byVersion, byTime:
		return true
	case lastRow, lastField:
		return k.clock.tie != clientWins && !k.clock.signed()
	case noStrategy:
	}
	return false
}

// reconciled is what the reconciliation of the operation at hand leaves for the rest of the decision.
type reconciled struct {
	// settled says that there was a conflict: a replacing PUT then leaves alone what it doesn't name.
	settled bool
	// overruled says that the stamp of the row stays, since a later change of it is stored.
	overruled bool
	// timed says that the client told the stamp of the row.
	timed bool
	// based says that the stored state was compared with the one that the client changed.
	based bool
	// dated are the columns of a late operation for which the client told when it changed them.
	dated map[string]bool
	// stamps are those that the client gave for columns.
	stamps map[string]time.Time
	// fates are the columns of which the client's value was not taken as it is.
	fates map[string]fate
	// metadata is that of the operation, once it was read.
	metadata map[string]json.RawMessage
	notes    []writegate.Change
}

// reconcile merges what the client sent with what has become of the row since the client saw it. It returns the
// values to go on with. Old is nil for a create. It is only asked once a rule has granted the stored row, since what it
// says depends on that.
func (j *judge) reconcile(t *table, a *writegate.Admitted, old writegate.Row) (writegate.Row, *writegate.Decision) {
	j.made = reconciled{}
	if t.conflict == nil && t.counters == nil {
		return a.Values, nil
	}
	if a.Op.Kind == writegate.Delete {
		return nil, j.contestRemoval(t, a, old)
	}
	values := maps.Clone(a.Values)
	if t.conflict != nil {
		j.clear(t, a, old, values)
		if stop := j.contest(t, a, old, values); stop != nil {
			return nil, stop
		}
	}
	if stop := j.count(t, a, old, values); stop != nil {
		return nil, stop
	}
	if j.made.settled && !t.differs(values, old) {
		d := writegate.Decision{New: old}
		j.account(t, a, old, &d)
		return nil, &d
	}
	return values, nil
}

// clear sets to null what a replacing PUT leaves out, as far as all grants agree on it, so that it can be in conflict
// like anything else that the client sent.
func (j *judge) clear(t *table, a *writegate.Admitted, old, values writegate.Row) {
	if old == nil || a.Op.Kind != writegate.Put || t.engine.put != putReplace {
		return
	}
	for _, c := range j.grants[0].replaced {
		if _, sent := values[c.Name]; sent {
			continue
		}
		if !slices.ContainsFunc(j.grants, func(r *rule) bool { return !slices.Contains(r.replaced, c) }) {
			values[c.Name] = nil
		}
	}
}

// contest finds the values that are in conflict with the stored row, and settles it.
func (j *judge) contest(t *table, a *writegate.Admitted, old, values writegate.Row) *writegate.Decision {
	k := t.conflict
	var contested []string
	if old != nil {
		var known bool
		if contested, known = t.contested(values, old); !known {
			return &undecided
		}
	}
	var why *writegate.Error
	var stop *writegate.Decision
	switch k.strategy {
	case byVersion, byTime:
		if len(contested) > 0 {
			why, stop = j.stale(t, a, old)
		}
		delete(values, k.column.Name)
	case lastRow:
		why, stop = j.lateRow(t, a, old, values, contested)
	case lastField:
		contested, why, stop = j.lateFields(t, a, old, values, contested)
	case noStrategy:
	}
	if stop != nil || why == nil {
		return stop
	}
	if j.made.settled = true; len(contested) == 0 {
		return nil
	}
	return j.settle(t, a, old, values, contested, why)
}

// contested lists the columns, in order, that the client sent other values for than are stored, apart from those that
// conflict: and counters: look after themselves.
func (t *table) contested(values, old writegate.Row) (names []string, known bool) {
	for name, v := range values {
		c := t.columns[name]
		was, known := old[name]
		switch {
		case c.managed:
		case !known:
			return nil, false
		case !c.Equal(was, v):
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, true
}

// differs reports whether any value is another than the stored one, as far as that is known.
func (t *table) differs(values, old writegate.Row) bool {
	for name, v := range values {
		if was, known := old[name]; !known || !t.columns[name].Equal(was, v) {
			return true
		}
	}
	return false
}

// contestRemoval settles a deletion of a row that has changed since the device saw it, when the device told what it saw.
func (j *judge) contestRemoval(t *table, a *writegate.Admitted, old writegate.Row) *writegate.Decision {
	k := t.conflict
	if k == nil || k.strategy != byVersion && k.strategy != byTime {
		return nil
	}
	if _, told := k.expected.find(a.Op, k.column.Name); !told {
		return nil
	}
	why, stop := j.stale(t, a, old)
	if stop != nil || why == nil || k.ending == applies {
		return stop
	}
	switch k.ending {
	case rejects, merges:
		return &writegate.Decision{Refusal: why}
	case records:
		if stop := j.record(t, a, old, nil, why); stop != nil {
			return stop
		}
	case serverWins, applies:
	}
	return &writegate.Decision{New: old, Notes: j.made.notes}
}
