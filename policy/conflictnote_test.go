package policy

import (
	"testing"
	"time"
)

// A change that leaves out what was in conflict depends on the row that tells of it. One that leaves out nothing doesn't.
func TestRecordIsVital(t *testing.T) {
	w := newWorld(t, recording+"changelog: {table: changes}\n", "    changelog: [notes]\n    conflict: {strategy: field_lww, clocks: clocks, on_conflict: record}\n")
	stored := row{"id": "i", "owner": "u", "title": "server", "notes": "old", "clocks": `{"title":"2026-03-01T10:00:00Z"}`}
	for _, c := range []struct {
		sent row
		want bool
	}{
		{row{"title": "client", "notes": "new"}, true},
		{row{"notes": "new"}, false},
	} {
		j := judgeFor(t, w.b, "u", nil)
		d := run(t, j, at(patch("items", "i", c.sent), now.Add(-time.Hour)), stored)
		if d.Change == nil || len(d.Notes) == 0 || d.Vital != c.want {
			t.Errorf("%v: %+v", c.sent, d)
		}
	}
}
