package policy

import (
	"fmt"
	"time"

	"writegate"
)

// account adds to a change the rows that tell of it and what the device is remembered for.
func (j *judge) account(t *table, a *writegate.Admitted, old writegate.Row, d *writegate.Decision) {
	if k := t.conflict; k != nil && k.chained() && d.Change != nil && d.Change.Verb != writegate.Remove {
		d.Link = j.remember(k, old, d.New)
	}
	d.Notes, d.Vital = append(d.Notes, j.made.notes...), len(j.made.notes) > 0
	if stop := j.log(t, a, old, d); stop != nil {
		*d = *stop
	}
}

// log makes a row for each logged column that changed, or that was to change and was in conflict.
func (j *judge) log(t *table, a *writegate.Admitted, old writegate.Row, d *writegate.Decision) *writegate.Decision {
	n := 0
	for _, c := range t.logged {
		was, known := old[c.Name]
		if old != nil && !known {
			return &undecided
		}
		is, status := j.became(a, c, was, d.Change)
		if status == "" {
			continue
		}
		note, err := j.bundle.changelog.row(a.Name, n, map[string]any{
			"table": t.meta.Name, "row": a.Op.ID, "field": c.Name, "old": c.text(was), "new": c.text(is),
			"status": status, "user": j.subject, "at": j.now,
		})
		if err != nil {
			return t.broken(err)
		}
		d.Notes = append(d.Notes, note)
		n++
	}
	return nil
}

// became tells what became of a column: its new value and a status, which is empty when nothing did. Of a value that
// lost in a conflict it tells the one that lost.
func (j *judge) became(a *writegate.Admitted, c *column, was any, change *writegate.Change) (is any, status string) {
	if f := j.made.fates[c.Name]; f != "" && f != fateMerged {
		return a.Values[c.Name], string(f)
	}
	switch {
	case change == nil:
		return nil, ""
	case change.Verb == writegate.Remove:
		if was == nil {
			return nil, ""
		}
		return nil, "applied"
	}
	is, written := change.Set[c.Name]
	switch {
	case !written || is == nil && was == nil:
		return nil, ""
	case j.made.fates[c.Name] == fateMerged:
		return is, string(fateMerged)
	}
	return is, "applied"
}

// text writes a stored value for a column of text.
func (c *column) text(v any) any {
	switch v := v.(type) {
	case nil, string:
		return v
	case time.Time, writegate.Bytes:
		return plainStored(c.Column, v)
	}
	return fmt.Sprint(v)
}
