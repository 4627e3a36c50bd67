package policy

import (
	"writegate"
)

// fate is what became of the client's value of a contested column.
type fate string

const (
	fateMerged     fate = "merged"
	fateServerWins fate = "server_wins"
	fateRecorded   fate = "recorded"
)

// settle decides a conflict about columns, in order: it takes the client's values out, merges them, or refuses.
func (j *judge) settle(t *table, a *writegate.Admitted, old, values writegate.Row, contested []string, why *writegate.Error) *writegate.Decision {
	j.made.fates = make(map[string]fate, len(contested))
	switch t.conflict.ending {
	case rejects:
		return &writegate.Decision{Refusal: why}
	case applies:
		return nil
	case merges:
		return j.merge(t, a, old, values, contested, why)
	case records:
		if stop := j.record(t, a, old, contested, why); stop != nil {
			return stop
		}
		j.leave(values, contested, fateRecorded)
	case serverWins:
		j.leave(values, contested, fateServerWins)
	}
	return nil
}

// leave lets the stored values stay.
func (j *judge) leave(values writegate.Row, contested []string, f fate) {
	for _, name := range contested {
		delete(values, name)
		j.made.fates[name] = f
	}
}

// merge makes one value of the stored and the sent one for each contested column. What can't be merged refuses the
// operation.
func (j *judge) merge(t *table, a *writegate.Admitted, old, values writegate.Row, contested []string, why *writegate.Error) *writegate.Decision {
	k := t.conflict
	for _, name := range contested {
		c := t.columns[name]
		m, ok := k.mergers[name]
		if !ok {
			m = k.rest
		}
		v := versions{stored: old[name], sent: values[name]}
		if wire, told := a.Op.Previous[name]; told {
			if seen, err := c.accept(wire); err == nil {
				v.seen, v.knows, v.same = seen, true, c.saw(wire, seen, v.stored)
			}
		}
		merged, ok := m.merge(c, v)
		if !ok {
			refusal := *why
			refusal.Column, refusal.Message = name, c.qualified+": the column was changed by the device and by somebody else"
			return &writegate.Decision{Refusal: &refusal}
		}
		stored, err := c.Convert(merged)
		if err != nil {
			return t.broken(err)
		}
		if values[name] = stored; !c.Equal(stored, v.sent) {
			j.made.fates[name] = fateMerged
		}
	}
	return nil
}
