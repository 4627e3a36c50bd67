package policy

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"writegate"
)

// tie says which of two changes with the same stamp wins.
type tie uint8

const (
	clientWins    tie = iota // the one that arrives later
	serverStays              // the one that is stored, but for the device's own
	deviceDecides            // that of the device with the greater id
)

// clock says how the stamps of changes are told, compared and kept.
type clock struct {
	// server takes the time of arrival, whatever the client says.
	server bool
	// future is how far ahead of the server's a client's clock may be. What is further ahead counts as that far.
	future time.Duration
	tie    tie
	// required says that a change without a stamp is refused. Else it is as of its arrival.
	required bool
	// writer is the column that keeps the device of the last change, if any.
	writer *column
	// document is a JSON column that keeps the stamps of all columns by their names, nil if columns keep them.
	document *column
	// columns keep the stamps of other columns, by the names of those.
	columns map[string]*column
	// named makes the name under which the metadata has the stamp of a column.
	prefix, suffix string
}

// signed reports whether the device of a change is kept with its stamp.
func (c *clock) signed() bool {
	return c.writer != nil || c.document != nil && c.tie != clientWins
}

// stamped is when a change was made and by which device, if that is known. The zero value is before any.
type stamped struct {
	at     time.Time
	device string
}

// clockForm is how stamps are written in a document. Their texts, with the device behind them, are in the order that
// their changes have.
const clockForm = "2006-01-02T15:04:05.000000Z"

func (s stamped) String() string {
	text := s.at.UTC().Format(clockForm)
	if s.device != "" {
		text += " " + s.device
	}
	return text
}

// parseStamped reads what String writes. What is no such text is before any change.
func parseStamped(text string) stamped {
	text, device, _ := strings.Cut(text, " ")
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return stamped{}
	}
	return stamped{at.UTC(), device}
}

// wins reports whether a change of this device with a stamp goes before one that is stored.
func (j *judge) wins(k *conflict, at time.Time, was stamped) bool {
	if order := at.Compare(was.at); order != 0 {
		return order > 0
	}
	if k.clock.tie == clientWins || j.isOwn(k, was) {
		return true
	}
	return k.clock.tie == deviceDecides && k.clock.signed() && cmp.Compare(j.clientID, was.device) > 0
}

// isOwn reports whether a stored change is known to be of this device.
func (j *judge) isOwn(k *conflict, was stamped) bool {
	if k.clock.signed() {
		return was.device == j.clientID
	}
	link, ok := j.link()
	return ok && link.Made == markText(was.at)
}

// told makes a stamp of what a client told, not further ahead than its clock may be.
func (j *judge) told(k *conflict, at time.Time) time.Time {
	if limit := j.now.Add(k.clock.future); at.After(limit) {
		at = limit
	}
	return at.UTC().Truncate(time.Microsecond)
}

// metadata reads that of an operation once.
func (j *judge) metadata(op *writegate.Op) map[string]json.RawMessage {
	if j.made.metadata == nil {
		if j.made.metadata = members(op.Metadata); j.made.metadata == nil {
			j.made.metadata = map[string]json.RawMessage{}
		}
	}
	return j.made.metadata
}

// clientTime finds the time that the client told for the whole operation, or for one column of it.
func (j *judge) clientTime(t *table, a *writegate.Admitted, name string) (time.Time, bool, *writegate.Decision) {
	k := t.conflict
	for _, key := range []string{k.clock.prefix + name + k.clock.suffix, "client_time"} {
		wire := wireOf(j.metadata(a.Op)[key])
		if wire == nil {
			continue
		}
		at, ok := instantOf(wire)
		if !ok {
			e := t.refuse(writegate.InvalidData, "column.type", "", t.meta.Name+": the time of the change, "+key+" of the metadata, must be a time, or milliseconds since 1970")
			return time.Time{}, false, &writegate.Decision{Refusal: e}
		}
		return j.told(k, at), true, nil
	}
	return time.Time{}, false, nil
}

// instantOf reads a time as clients write it outside of columns: text, in UTC where it has no zone, or milliseconds
// since 1970.
func instantOf(wire any) (time.Time, bool) {
	switch wire := wire.(type) {
	case string:
		for _, form := range []string{time.RFC3339Nano, time.DateTime, "2006-01-02T15:04:05"} {
			if at, err := time.Parse(form, wire); err == nil {
				return at, true
			}
		}
	case json.Number:
		if ms, err := wire.Int64(); err == nil {
			at := time.UnixMilli(ms).UTC()
			return at, at.Year() >= 1 && at.Year() <= 9999
		}
	}
	return time.Time{}, false
}
