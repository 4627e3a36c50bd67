package policy

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

const recording = "conflicts: {table: conflicts}\n"

func TestRecord(t *testing.T) {
	w := newWorld(t, recording, "    conflict: {strategy: version, column: version, on_conflict: record}\n")
	w.rows["i"] = row{"id": "i", "owner": "u", "title": "server", "notes": "secret", "version": int64(7)}
	w.steps(step{"a", base(patch("items", "i", row{"title": "client"}), 6), "noop"})
	w.has("i", row{"title": "server", "version": int64(7)})
	if len(w.notes) != 1 {
		t.Fatalf("%d rows tell of it", len(w.notes))
	}
	want := writegate.Change{Verb: writegate.Insert, Table: w.notes[0].Table, Key: w.notes[0].Key, Set: row{
		"table_name": "items", "row_id": "i", "conflict_type": "conflict.version", "client_data": `{"title":"client"}`, "server_data": `{"title":"server"}`,
		"resolved": false, "user_id": "u", "created_at": now,
	}}
	if diff := cmp.Diff(want, w.notes[0], cmp.Comparer(func(a, b *writegate.Table) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// TestRecordShowsNoMore tells of the stored values that the policy lets clients know.
func TestRecordShowsNoMore(t *testing.T) {
	for _, c := range []struct{ expose, sent, want string }{
		{"", "title", `{"title":"server"}`},
		{"", "owner", `{}`}, // no grant lists it
		{", expose: [qty]", "title", `{"qty":3}`},
		{", expose: [price]", "title", `{"price":"NaN"}`},
	} {
		w := newWorld(t, recording, "    immutable: [owner]\n    conflict: {strategy: version, column: version, on_conflict: record"+c.expose+"}\n")
		w.rows["i"] = row{"id": "i", "owner": "u", "title": "server", "qty": int64(3), "price": math.NaN(), "version": int64(7)}
		w.steps(step{"a", base(patch("items", "i", row{c.sent: "client"}), 6), "noop"})
		if got := w.notes[0].Set["server_data"]; got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestRecordSomeFields applies what is not in conflict, and tells of the rest.
func TestRecordSomeFields(t *testing.T) {
	w := newWorld(t, recording, "    conflict: {strategy: field_lww, clocks: clocks, on_conflict: record}\n")
	w.rows["i"] = row{"id": "i", "owner": "u", "title": "server", "notes": "old", "clocks": `{"title":"2026-03-01T10:00:00Z"}`}
	w.steps(step{"a", at(patch("items", "i", row{"title": "client", "notes": "new"}), now.Add(-time.Hour)), "update"})
	w.has("i", row{"title": "server", "notes": "new"})
	if len(w.notes) != 1 || w.notes[0].Set["client_data"] != `{"title":"client"}` {
		t.Errorf("%v", w.notes)
	}
}

func TestChangelog(t *testing.T) {
	w := newWorld(t, "changelog: {table: changes}\n", "    changelog: [title, qty, notes]\n    counters: {qty: {from: delta}}\n"+
		"    conflict: {strategy: field_lww, clocks: clocks, on_conflict: merge, merge: {title: server, notes: append}}\n")
	late := at(saw(patch("items", "i", row{"title": "late", "notes": "n a"}), row{"notes": "n"}), now.Add(-time.Hour))
	w.steps(
		step{"a", put("items", "i", row{"title": "one", "qty": n(2), "notes": "n"}), "insert"},
		step{"a", patch("items", "i", row{"qty": n(3), "tags": `[]`}), "update"},
		step{"a", patch("items", "i", row{"notes": "n b"}), "update"},
		step{"b", late, "update"},
		step{"a", del("items", "i"), "remove"},
	)
	var got []string
	keys := map[any]bool{}
	for _, c := range w.notes {
		keys[c.Key] = true
		got = append(got, fmt.Sprint(c.Set["field_name"], ": ", c.Set["old_value"], " to ", c.Set["new_value"], ", ", c.Set["status"]))
	}
	want := []string{
		"title: <nil> to one, applied", "qty: <nil> to 2, applied", "notes: <nil> to n, applied",
		"qty: 2 to 5, applied",
		"notes: n to n b, applied",
		"notes: n b to n b a, merged",
		"title: one to <nil>, applied", "qty: 5 to <nil>, applied", "notes: n b a to <nil>, applied",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(keys) != len(want) {
		t.Errorf("%d keys for %d rows", len(keys), len(want))
	}
}

// TestChangelogTellsWhatLost has the stored value win.
func TestChangelogTellsWhatLost(t *testing.T) {
	w := newWorld(t, "changelog: {table: changes}\n", "    changelog: \"*\"\n    conflict: {strategy: field_lww, clocks: clocks}\n")
	w.rows["i"] = row{"id": "i", "owner": "u", "title": "server", "clocks": `{"title":"2026-03-01T10:00:00Z"}`}
	for name := range w.b.tables["items"].columns {
		if _, ok := w.rows["i"][name]; !ok {
			w.rows["i"][name] = nil
		}
	}
	w.steps(step{"b", at(patch("items", "i", row{"title": "late"}), now.Add(-time.Hour)), "noop"})
	if len(w.notes) != 1 || w.notes[0].Set["new_value"] != "late" || w.notes[0].Set["old_value"] != "server" || w.notes[0].Set["status"] != "server_wins" {
		t.Errorf("%v", w.notes)
	}
}

// TestNotesHaveOneKey makes the same keys for the same operation, and others for another.
func TestNotesHaveOneKey(t *testing.T) {
	a, b, c := noteKey("n", "t", 0), noteKey("n", "t", 1), noteKey("m", "t", 0)
	if a != noteKey("n", "t", 0) || a == b || a == c || len(a) != 36 || strings.Count(a, "-") != 4 {
		t.Error(a, b, c)
	}
}

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
