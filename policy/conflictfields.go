package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"writegate"
)

// lateFields lists the contested columns of which a later change is stored already. Stamps that the client gave for
// others become values to be written.
func (j *judge) lateFields(t *table, a *writegate.Admitted, old, values writegate.Row, contested []string) (late []string, why *writegate.Error, stop *writegate.Decision) {
	k := t.conflict
	kept, known := k.kept(old)
	if !known {
		return nil, nil, &undecided
	}
	sent := k.takeStamps(values)
	j.made.stamps = map[string]time.Time{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if t.columns[name].managed || k.clock.server || k.clock.document == nil && k.clock.columns[name] == nil {
			continue
		}
		at, told, stop := j.fieldStamp(t, a, name, sent[name])
		if stop != nil {
			return nil, nil, stop
		}
		if told {
			j.date(name)
		}
		at, err := k.cut(name, at)
		if err != nil {
			return nil, nil, t.broken(err)
		}
		differs := old == nil || slices.Contains(contested, name)
		switch {
		case j.wins(k, at, kept[name]):
			if told {
				j.made.stamps[name] = at
			}
		case differs:
			late = append(late, name)
		}
	}
	if _, err := j.keep(k, j.made.stamps, old, values); err != nil {
		return nil, nil, t.broken(err)
	}
	if len(late) > 0 {
		c := t.columns[late[0]]
		why = t.refuse(writegate.Conflict, reasonField, c.Name, c.qualified+": a later change of the column is stored already")
	}
	return late, why, nil
}

// kept are the stored stamps of columns. It reports false when one is not known.
func (k *conflict) kept(old writegate.Row) (stamps map[string]stamped, known bool) {
	out := map[string]stamped{}
	if old == nil {
		return out, true
	}
	if k.clock.document != nil {
		v, known := old[k.clock.document.Name]
		for name, raw := range members(v) {
			if text, ok := wireOf(raw).(string); ok {
				out[name] = parseStamped(text)
			}
		}
		return out, known
	}
	for name, c := range k.clock.columns {
		v, known := old[c.Name]
		if !known {
			return nil, false
		}
		at, _ := v.(time.Time)
		out[name] = stamped{at: at}
	}
	return out, true
}

// takeStamps takes out of the values the stamps that the client sent where the table keeps them.
func (k *conflict) takeStamps(values writegate.Row) map[string]any {
	out := map[string]any{}
	if k.clock.document != nil {
		for name, raw := range members(values[k.clock.document.Name]) {
			out[name] = wireOf(raw)
		}
		delete(values, k.clock.document.Name)
	}
	for name, c := range k.clock.columns {
		out[name] = values[c.Name]
		delete(values, c.Name)
	}
	return out
}

// fieldStamp is when the client changed a column, else now.
func (j *judge) fieldStamp(t *table, a *writegate.Admitted, name string, sent any) (at time.Time, told bool, stop *writegate.Decision) {
	k := t.conflict
	switch v := sent.(type) {
	case nil:
		if at, told, stop = j.clientTime(t, a, name); stop != nil || told {
			return at, told, stop
		}
		return j.now, false, nil
	case time.Time:
		return j.told(k, v), true, nil
	default:
		if at, told = instantOf(v); !told {
			text, _ := v.(string)
			at = parseStamped(text).at
		}
	}
	if at.IsZero() {
		c := k.clock.document
		e := t.refuse(writegate.InvalidData, "column.type", c.Name, c.qualified+": the stamp of "+name+" must be a time, or milliseconds since 1970")
		return at, false, &writegate.Decision{Refusal: e}
	}
	return j.told(k, at), true, nil
}

// cut brings a stamp to the precision in which the stamp of a column is kept.
func (k *conflict) cut(name string, at time.Time) (time.Time, error) {
	c := k.clock.columns[name]
	if c == nil {
		return at, nil
	}
	v, err := c.Convert(at)
	if cut, ok := v.(time.Time); ok {
		at = cut
	}
	return at, err
}

// keep puts stamps into a row that has the stamps of other columns already, or behind those of another row.
func (j *judge) keep(k *conflict, stamps map[string]time.Time, base, into writegate.Row) (written []string, err error) {
	if len(stamps) == 0 {
		return nil, nil
	}
	if c := k.clock.document; c != nil {
		text, err := j.document(k, members(base[c.Name]), stamps)
		if err != nil {
			return nil, err
		}
		into[c.Name], err = c.Convert(text)
		return []string{c.Name}, err
	}
	for name, at := range stamps {
		c := k.clock.columns[name]
		if into[c.Name], err = c.Convert(at); err != nil {
			return nil, err
		}
		written = append(written, c.Name)
	}
	return written, nil
}

// document writes stamps into a JSON object, for a column of JSON or of text.
func (j *judge) document(k *conflict, m map[string]json.RawMessage, stamps map[string]time.Time) (any, error) {
	out := make(map[string]any, len(m)+len(stamps))
	for name, raw := range m {
		out[name] = raw
	}
	for name, at := range stamps {
		s := stamped{at: at}
		if k.clock.signed() {
			s.device = j.clientID
		}
		out[name] = s.String()
	}
	text, err := json.Marshal(out)
	if k.clock.document.Type == writegate.Text {
		return string(text), err
	}
	return writegate.JSON(text), err
}
