package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"writegate"
)

func TestTimestamp(t *testing.T) {
	w := newWorld(t, "", "    conflict: {strategy: timestamp, column: edited_at}\n")
	stored := time.Date(2026, 2, 1, 10, 0, 0, 123_456_000, time.UTC)
	w.rows["i"] = row{"id": "i", "owner": "u", "title": "zero", "edited_at": stored}
	title := func(title, seen string) writegate.Op {
		return saw(patch("items", "i", row{"title": title}), row{"edited_at": seen})
	}
	w.steps(
		step{"a", title("one", "2026-02-01T10:00:00.122Z"), "conflict.version"},
		step{"a", title("one", "2026-02-01T10:00:00.123457Z"), "conflict.version"},
		step{"a", title("one", "2026-02-01T10:00:00.123Z"), "update"}, // as devices see it whose times are cut to milliseconds
		step{"a", title("two", "2026-02-01T10:00:00.123Z"), "update"}, // its own change came in between
		step{"b", title("B", "2026-02-01T10:00:00.123Z"), "conflict.version"},
		step{"b", title("B", "2026-03-01T10:00:00.001Z"), "update"}, // the second change at one time is a millisecond later
		step{"a", title("three", "2026-02-01T10:00:00.123Z"), "conflict.version"},
		step{"a", patch("items", "i", row{"title": "three"}), "conflict.version_missing"},
	)
	w.has("i", row{"title": "B", "edited_at": now.Add(2 * time.Millisecond)})
}

// TestTimestampIsOfMilliseconds writes times that devices can see whole.
func TestTimestampIsOfMilliseconds(t *testing.T) {
	w := newWorld(t, "", "    conflict: {strategy: timestamp, column: edited_at}\n")
	w.now = now.Add(1_999_999)
	w.steps(step{"a", put("items", "i", row{"title": "one"}), "insert"})
	w.has("i", row{"edited_at": now.Add(time.Millisecond)})
}

func TestTimestampNotOlder(t *testing.T) {
	w := newWorld(t, "", "    conflict: {strategy: timestamp, column: edited_at, expected: data}\n")
	title := func(title string, at time.Time) writegate.Op {
		return patch("items", "i", row{"title": title, "edited_at": at.Format(time.RFC3339Nano)})
	}
	w.rows["i"] = row{"id": "i", "owner": "u", "title": "zero", "edited_at": now.Add(-time.Hour)}
	w.steps(
		step{"a", title("one", now.Add(-2*time.Hour)), "conflict.stale_clock"},
		step{"a", patch("items", "i", row{"title": "one"}), "conflict.version_missing"},
		step{"a", patch("items", "i", row{"title": "zero"}), "noop"},
		step{"a", title("one", now.Add(-time.Hour)), "update"},
		step{"a", title("two", now.Add(-time.Minute)), "update"},
		step{"b", title("B", now.Add(-time.Hour)), "conflict.stale_clock"},
	)
	w.has("i", row{"title": "two", "edited_at": now.Add(-time.Minute)})
}

func TestLastRowWins(t *testing.T) {
	w := newWorld(t, "", "    conflict: {strategy: lww, column: edited_at, max_future: 2m}\n")
	title := func(title string, ago time.Duration) writegate.Op {
		return at(patch("items", "i", row{"title": title}), now.Add(-ago))
	}
	w.steps(
		step{"a", at(put("items", "i", row{"title": "one"}), now.Add(-time.Hour)), "insert"},
		step{"b", title("B", 2*time.Hour), "noop"},
		step{"a", title("two", 30*time.Minute), "update"},
		step{"b", title("B", 30*time.Minute), "update"},
		step{"a", title("B", 20*time.Minute), "update"}, // the same value, but a later stamp
		step{"b", title("late", 25*time.Minute), "noop"},
	)
	w.has("i", row{"title": "B", "edited_at": now.Add(-20 * time.Minute)})
	w.steps(step{"a", title("from 2099", -73*365*24*time.Hour), "update"})
	w.has("i", row{"title": "from 2099", "edited_at": now.Add(2 * time.Minute)})
	w.now = now.Add(3 * time.Minute)
	w.steps(step{"b", patch("items", "i", row{"title": "no stamp"}), "update"})
	w.has("i", row{"title": "no stamp", "edited_at": now.Add(3 * time.Minute)})
}

func TestTies(t *testing.T) {
	title := func(title string) writegate.Op { return at(patch("items", "i", row{"title": title}), now) }
	for _, c := range []struct {
		name, keys string
		other      []step
		want       string
	}{
		{"client", "tie: client", []step{{"b", title("B"), "update"}}, "B"},
		{"server", "tie: server", []step{{"b", title("B"), "noop"}, {"a", title("mine"), "update"}}, "mine"},
		{"device", "tie: client_id, writer: writer", []step{{"b", title("B"), "update"}, {"a", title("A"), "noop"}, {"b", title("C"), "update"}}, "C"},
		{"server, though the device is kept", "tie: server, writer: writer", []step{{"b", title("B"), "noop"}, {"a", title("mine"), "update"}}, "mine"},
		{"device without a place", "tie: client_id", []step{{"b", title("B"), "noop"}}, "A"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "", "    conflict: {strategy: lww, column: edited_at, "+c.keys+"}\n")
			w.steps(step{"a", at(put("items", "i", row{"title": "A"}), now), "insert"})
			w.steps(c.other...)
			w.has("i", row{"title": c.want})
			if got := fmt.Sprint(w.b.Warnings()); strings.Contains(got, "P140") != (c.name == "device without a place") {
				t.Error(got)
			}
		})
	}
}

// TestLateRowIsMerged keeps the stamp of the row, which is later.
func TestLateRowIsMerged(t *testing.T) {
	w := newWorld(t, "", "    conflict: {strategy: lww, column: edited_at, on_conflict: merge, merge: {tags: set_union}}\n")
	w.rows["i"] = row{"id": "i", "owner": "u", "tags": `["x"]`, "edited_at": now.Add(-time.Hour)}
	w.steps(step{"a", at(patch("items", "i", row{"tags": `["a"]`}), now.Add(-2*time.Hour)), "update"})
	w.has("i", row{"tags": `["x","a"]`, "edited_at": now.Add(-time.Hour)})
}

// TestStampsOfSeconds compares stamps as the column keeps them.
func TestStampsOfSeconds(t *testing.T) {
	for _, keys := range []string{"strategy: lww, column: title_at, tie: server", `strategy: field_lww, stamp_column: "{field}_at", tie: server`} {
		w := newWorld(t, "", "    conflict: {"+keys+"}\n")
		meta := w.b.tables["items"].columns["title_at"].Column
		usual := meta.Convert
		meta.Convert = func(wire any) (any, error) {
			v, err := usual(wire)
			if at, ok := v.(time.Time); ok {
				v = at.Truncate(time.Second)
			}
			return v, err
		}
		w.steps(
			step{"a", at(put("items", "i", row{"title": "A"}), now.Add(200*time.Millisecond)), "insert"},
			step{"b", at(patch("items", "i", row{"title": "B"}), now.Add(700*time.Millisecond)), "noop"},
		)
		w.has("i", row{"title": "A", "title_at": now})
	}
}

func TestServerClock(t *testing.T) {
	w := newWorld(t, "", "    conflict: {strategy: lww, column: edited_at, clock: server}\n")
	w.rows["i"] = row{"id": "i", "owner": "u", "title": "zero", "edited_at": now.Add(time.Hour)} // by another server
	w.steps(
		step{"a", at(patch("items", "i", row{"title": "one"}), now.Add(-time.Hour)), "update"},
		step{"a", patch("items", "i", row{"edited_at": "2026-01-01T00:00:00Z"}), "column.server"},
	)
	w.has("i", row{"title": "one", "edited_at": now.Add(time.Hour)})
}

func TestLastFieldWins(t *testing.T) {
	w := newWorld(t, "", "    conflict: {strategy: field_lww, clocks: clocks}\n")
	w.steps(
		step{"a", at(put("items", "i", row{"title": "A", "notes": "A"}), now.Add(-time.Hour)), "insert"},
		step{"b", at(patch("items", "i", row{"title": "B"}), now.Add(-time.Minute)), "update"},
		step{"a", at(patch("items", "i", row{"title": "late", "notes": "new"}), now.Add(-2*time.Minute)), "update"},
		step{"a", meta(patch("items", "i", row{"title": "C", "notes": "late"}),
			fmt.Sprintf(`{"title_modified_at": %d, "notes_modified_at": "2026-02-28 10:00:00"}`, now.UnixMilli())), "update"},
	)
	w.has("i", row{"title": "C", "notes": "new", "clocks": `{"notes":"2026-03-01T09:58:00.000000Z","title":"2026-03-01T10:00:00.000000Z"}`})
	w.steps(
		step{"a", meta(patch("items", "i", row{"title": "D"}), `{"title_modified_at": "soon"}`), "column.type"},
		step{"a", patch("items", "i", row{"title": "D", "clocks": `{"title": "soon"}`}), "column.type"},
		step{"a", patch("items", "i", row{"title": "D", "clocks": `{"title": "2026-03-01T10:01:00Z", "notes": "2099-01-01T00:00:00Z"}`}), "update"},
	)
	w.has("i", row{"title": "D", "clocks": `{"notes":"2026-03-01T09:58:00.000000Z","title":"2026-03-01T10:01:00.000000Z"}`})
}

// TestFieldStampsInColumns keeps stamps beside the columns, and takes them from there.
func TestFieldStampsInColumns(t *testing.T) {
	w := newWorld(t, "", `    conflict: {strategy: field_lww, stamp_column: "{field}_at"}`+"\n")
	stamp := func(minute int) string { return now.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339) }
	w.steps(
		step{"a", put("items", "i", row{"title": "A", "title_at": stamp(-9), "notes": "A", "tags": `[]`}), "insert"},
		step{"b", patch("items", "i", row{"title": "B", "title_at": stamp(-8), "tags": `["b"]`}), "update"},
		step{"a", patch("items", "i", row{"title": "late", "title_at": stamp(-10), "notes": "late", "notes_at": stamp(-1)}), "noop"},
		step{"a", patch("items", "i", row{"title": "far", "title_at": stamp(600)}), "update"},
	)
	w.has("i", row{"title": "far", "title_at": now.Add(2 * time.Minute), "notes": "A", "notes_at": now, "tags": `["b"]`})
}

func TestFieldsInConflict(t *testing.T) {
	keys := func(ending string) string {
		return "    conflict: {strategy: field_lww, clocks: clocks, " + ending + "}\n"
	}
	late := at(patch("items", "i", row{"title": "late", "notes": "new", "tags": `["c"]`}), now.Add(-time.Hour))
	for _, c := range []struct{ keys, want, title, tags string }{
		{keys("on_conflict: server_wins"), "update", "B", `["b"]`},
		{keys("on_conflict: reject"), "conflict.field", "B", `["b"]`},
		{keys("on_conflict: merge, merge: {tags: set_union, title: server}"), "update", "B", `["b","c"]`},
		{keys("on_conflict: merge, merge: {tags: set_union}"), "conflict.field", "B", `["b"]`},
	} {
		w := newWorld(t, "", c.keys)
		w.rows["i"] = row{"id": "i", "owner": "u", "notes": "old", "title": "old", "tags": nil, "clocks": nil}
		w.steps(
			step{"b", at(patch("items", "i", row{"title": "B", "tags": `["b"]`}), now), "update"},
			step{"a", late, c.want},
		)
		w.has("i", row{"title": c.title, "tags": c.tags})
		if clocks := fmt.Sprint(w.rows["i"]["clocks"]); strings.Count(clocks, "10:00:00") != 2 {
			t.Errorf("%s left the stamps %s", c.keys, clocks)
		}
	}
}
