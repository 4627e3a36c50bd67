package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// world is a table with two or more devices writing to it, without a database.
type world struct {
	t     *testing.T
	b     *Bundle
	now   time.Time
	rows  map[string]row
	links map[string]writegate.Link // by device and row
	notes []writegate.Change
	// judge is that of the upload of one user and device that goes on.
	judge     writegate.Judge
	uploading string
}

const worldSchema = `
items: id text!, title text, notes text, tags list, qty int, price decimal, version int, edited_at time, writer text, clocks json, title_at time, notes_at time, owner text
conflicts: id text!, table_name text!, row_id text!, conflict_type text!, client_data json!, server_data json, resolved bool!, user_id text!, created_at time!
changes: id text!, table_name text!, row_id text!, field_name text!, old_value text, new_value text, status text!, user_id text!, created_at time!
`

// newWorld has a table items with the given keys, and rules that let everybody write the rows of owner "u".
func newWorld(t *testing.T, top, keys string) *world {
	t.Helper()
	text := "policy: 1\nclaims: {sub: {type: text, required: true}}\n" + top + "tables:\n  items:\n" + keys +
		"    default: {owner: claims.sub}\n    rules: [{name: own, ops: [create, update, delete], row: row.owner == claims.sub, columns: [title, notes, tags, qty, price]}]\n"
	return &world{t: t, b: bind(t, text, worldSchema), now: now, rows: map[string]row{}, links: map[string]writegate.Link{}}
}

// linkView answers what the device is remembered for.
type linkView struct {
	link writegate.Link
	ok   bool
}

func (linkView) Find(*writegate.Lookup, []any) ([]writegate.Row, bool) { return nil, false }
func (v linkView) Link() (writegate.Link, bool)                        { return v.link, v.ok }

// do has a device send one operation, and names the outcome.
func (w *world) do(device string, op writegate.Op) string {
	w.t.Helper()
	return w.doAs("u", device, op)
}

func (w *world) doAs(subject, device string, op writegate.Op) string {
	w.t.Helper()
	if who := fmt.Sprint(subject, device, w.now); who != w.uploading {
		var err error
		if w.judge, err = w.b.Judge(writegate.Caller{Subject: subject}, device, w.now); err != nil {
			w.t.Fatal(err)
		}
		w.uploading = who
	}
	j := w.judge
	a, refusal := j.Admit(&op)
	if refusal != nil {
		return refusal.Reason
	}
	at := device + " " + op.ID
	link, ok := w.links[at]
	a.Name = fmt.Sprintf("%032d", len(w.notes))
	d := j.Decide(a, project(w.rows[op.ID], a.Needs), linkView{link, ok && a.Linked})
	if d.Refusal != nil || d.Unknown {
		return outcome(d)
	}
	w.notes = append(w.notes, d.Notes...)
	if d.Link != nil {
		w.links[at] = *d.Link
	}
	if d.Change != nil {
		switch d.Change.Verb {
		case writegate.Insert:
			w.rows[op.ID] = maps.Clone(d.New)
		case writegate.Update:
			if w.rows[op.ID] == nil {
				w.t.Fatalf("update of %s, which is not there", op.ID)
			}
			maps.Copy(w.rows[op.ID], d.Change.Set)
		case writegate.Remove:
			delete(w.rows, op.ID)
		}
	}
	return outcome(d)
}

// step is an operation of one device and what comes of it.
type step struct {
	device string
	op     writegate.Op
	want   string
}

func (w *world) steps(steps ...step) {
	w.t.Helper()
	for i, s := range steps {
		if got := w.do(s.device, s.op); got != s.want {
			w.t.Errorf("step %d, %s %s %v: %s, want %s", i, s.device, s.op.Kind, s.op.Data, got, s.want)
		}
	}
}

// has compares some columns of a row.
func (w *world) has(id string, want row) {
	w.t.Helper()
	got := row{}
	for name := range want {
		got[name] = w.rows[id][name]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", id, diff)
	}
}

// saw adds previous values to an operation.
func saw(op writegate.Op, previous row) writegate.Op {
	op.Previous = previous
	return op
}

// meta adds metadata to an operation.
func meta(op writegate.Op, text string) writegate.Op {
	op.Metadata = text
	return op
}

// at adds a time of change to an operation.
func at(op writegate.Op, t time.Time) writegate.Op {
	return meta(op, `{"client_time": "`+t.Format(time.RFC3339Nano)+`"}`)
}

func n(v int) json.Number { return json.Number(fmt.Sprint(v)) }

func base(op writegate.Op, version int) writegate.Op {
	return meta(op, fmt.Sprintf(`{"base_version": %d}`, version))
}

const versioned = "    conflict: {strategy: version, column: version, on_conflict: merge, merge: {tags: set_union, notes: if_unchanged}}\n"

func TestVersion(t *testing.T) {
	w := newWorld(t, "", versioned)
	w.steps(
		step{"a", put("items", "i", row{"title": "one"}), "insert"},
		step{"a", base(patch("items", "i", row{"title": "two"}), 1), "update"},
		step{"b", base(patch("items", "i", row{"title": "three"}), 1), "conflict.version"},
		step{"b", base(patch("items", "i", row{"title": "two"}), 1), "noop"},
		step{"b", patch("items", "i", row{"title": "three"}), "conflict.version_missing"},
		step{"b", base(patch("items", "i", row{"title": "three"}), 2), "update"},
		step{"b", saw(patch("items", "i", row{"title": "four"}), row{"version": n(3)}), "update"},
		step{"b", base(patch("items", "i", row{"version": n(9)}), 4), "column.server"},
	)
	w.has("i", row{"title": "four", "version": int64(4)})
}

// TestOwnChangesFollowOneAnother has a device that was offline send all that it did, on the versions that it knew.
func TestOwnChangesFollowOneAnother(t *testing.T) {
	w := newWorld(t, "", versioned)
	w.rows["i"] = row{"id": "i", "owner": "u", "title": "zero", "notes": "n", "version": int64(5)}
	w.steps(
		step{"a", base(patch("items", "i", row{"title": "one"}), 5), "update"},
		step{"a", base(patch("items", "i", row{"title": "two"}), 5), "update"},
		step{"a", base(patch("items", "i", row{"title": "three"}), 6), "update"},
		step{"a", base(patch("items", "i", row{"title": "four"}), 4), "conflict.version"}, // before the chain
		step{"a", base(patch("items", "i", row{"title": "four"}), 9), "conflict.version"}, // behind it
		step{"b", base(patch("items", "i", row{"title": "B"}), 8), "update"},              // breaks it
		step{"a", base(patch("items", "i", row{"title": "five"}), 5), "conflict.version"},
		step{"a", base(patch("items", "i", row{"title": "five"}), 8), "conflict.version"},
		step{"a", base(patch("items", "i", row{"title": "five"}), 9), "update"},
		step{"a", base(patch("items", "i", row{"title": "six"}), 8), "conflict.version"}, // a chain of its own
		step{"a", patch("items", "i", row{"title": "six"}), "conflict.version_missing"},
		step{"a", base(patch("items", "i", row{"title": "six"}), 9), "update"},
	)
	w.has("i", row{"title": "six", "version": int64(11)})
}

// TestOwnCreateIsKnown has a device create a row and change it offline, before it ever learned a version.
func TestOwnCreateIsKnown(t *testing.T) {
	for name, previous := range map[string]row{"not told": nil, "null": {"version": nil}} {
		w := newWorld(t, "", versioned)
		w.steps(
			step{"a", put("items", "i", row{"title": "one"}), "insert"},
			step{"a", saw(patch("items", "i", row{"title": "two"}), previous), "update"},
			step{"a", saw(patch("items", "i", row{"title": "three"}), previous), "update"},
			step{"b", base(patch("items", "i", row{"title": "B"}), 3), "update"},
		)
		want := map[string]string{"not told": "conflict.version_missing", "null": "conflict.version"}[name]
		w.steps(step{"a", saw(patch("items", "i", row{"title": "four"}), previous), want})
		w.has("i", row{"title": "B", "version": int64(4)})
	}
}

// TestVersionOfOldRows changes rows from before there were versions.
func TestVersionOfOldRows(t *testing.T) {
	w := newWorld(t, "", versioned)
	w.rows["i"] = row{"id": "i", "owner": "u", "title": "zero", "version": nil}
	w.steps(
		step{"a", base(patch("items", "i", row{"title": "one"}), 0), "update"},
		step{"b", saw(patch("items", "i", row{"title": "two"}), row{"version": nil}), "conflict.version"},
	)
	w.has("i", row{"title": "one", "version": int64(1)})
}

func TestVersionMerges(t *testing.T) {
	w := newWorld(t, "", versioned)
	w.rows["i"] = row{"id": "i", "owner": "u", "tags": `["x"]`, "notes": "server", "version": int64(7)}
	w.steps(
		step{"a", base(patch("items", "i", row{"tags": `["a"]`}), 6), "update"},
		step{"a", saw(base(patch("items", "i", row{"notes": "mine"}), 6), row{"notes": "server"}), "update"},
		step{"a", saw(base(patch("items", "i", row{"notes": "other"}), 6), row{"notes": "server"}), "conflict.version"},
		step{"a", saw(base(patch("items", "i", row{"notes": "again"}), 6), row{"notes": "mine"}), "update"},
		step{"a", saw(base(patch("items", "i", row{"notes": "more", "tags": `["b"]`}), 6), row{"notes": "again"}), "update"},
	)
	w.has("i", row{"tags": `["x","a","b"]`, "notes": "more", "version": int64(11)})
}

func TestConflictEndings(t *testing.T) {
	for _, c := range []struct{ ending, want, title string }{
		{"reject", "conflict.version", "server"},
		{"dead_letter", "conflict.version", "server"},
		{"server_wins", "noop", "server"},
		{"apply", "update", "client"},
	} {
		w := newWorld(t, "", "    conflict: {strategy: version, column: version, on_conflict: "+c.ending+"}\n")
		w.rows["i"] = row{"id": "i", "owner": "u", "title": "server", "qty": int64(1), "version": int64(7)}
		w.steps(step{"a", base(patch("items", "i", row{"title": "client"}), 6), c.want})
		w.has("i", row{"title": c.title})
	}
}

// TestConflictOnDelete checks a deletion only when it says what it is based on.
func TestConflictOnDelete(t *testing.T) {
	for _, c := range []struct {
		ending string
		op     writegate.Op
		want   string
	}{
		{"reject", del("items", "i"), "remove"},
		{"reject", base(del("items", "i"), 7), "remove"},
		{"reject", base(del("items", "i"), 6), "conflict.version"},
		{"apply", base(del("items", "i"), 6), "remove"},
		{"server_wins", base(del("items", "i"), 6), "noop"},
	} {
		w := newWorld(t, "", "    conflict: {strategy: version, column: version, on_conflict: "+c.ending+"}\n")
		w.rows["i"] = row{"id": "i", "owner": "u", "version": int64(7)}
		w.steps(step{"a", c.op, c.want})
	}
}

// TestNobodyLearnsVersions has somebody who may not write the row guess its version.
func TestNobodyLearnsVersions(t *testing.T) {
	for _, keys := range []string{
		versioned,
		"    conflict: {strategy: lww, column: edited_at}\n",
		"    conflict: {strategy: field_lww, clocks: clocks, on_conflict: reject}\n",
		"    counters: {qty: {from: previous, min: 0}}\n",
	} {
		w := newWorld(t, "", keys)
		w.rows["i"] = row{"id": "i", "owner": "u", "qty": int64(1), "version": int64(7), "edited_at": now, "clocks": `{"qty": "2026-03-01T10:00:00Z"}`}
		for _, version := range []int{6, 7} {
			op := base(saw(patch("items", "i", row{"qty": n(0)}), row{"qty": n(9)}), version)
			if got := w.doAs("stranger", "x", op); got != "noop" {
				t.Errorf("%s version %d: %s", keys, version, got)
			}
		}
	}
}

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
	} {
		w := newWorld(t, recording, "    immutable: [owner]\n    conflict: {strategy: version, column: version, on_conflict: record"+c.expose+"}\n")
		w.rows["i"] = row{"id": "i", "owner": "u", "title": "server", "qty": int64(3), "version": int64(7)}
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

// TestPutThatReplaces leaves alone what it doesn't name when it was in conflict, and what it may not write ever.
func TestPutThatReplaces(t *testing.T) {
	w := newWorld(t, "", "    put_existing: replace\n    counters: {qty: {from: previous}}\n    conflict: {strategy: version, column: version, on_conflict: merge, merge: {tags: set_union}}\n")
	w.rows["i"] = row{"id": "i", "owner": "u", "title": "t", "notes": "n", "tags": `["a"]`, "qty": int64(3), "version": int64(7)}
	w.steps(
		step{"a", base(put("items", "i", row{"tags": `["b"]`}), 6), "update"},
		step{"b", base(put("items", "i", row{"title": "u"}), 8), "update"},
	)
	w.has("i", row{"title": "u", "notes": nil, "tags": nil, "qty": int64(3), "version": int64(9)})
}

// TestInsertOnly has a table that nobody changes: what comes again does nothing, and tells nothing.
func TestInsertOnly(t *testing.T) {
	text := "policy: 1\nclaims: {sub: {type: text, required: true}}\ntables:\n  items:\n    put_existing: ignore\n" +
		"    rules: [{name: log, ops: [create], check: new.owner == claims.sub, columns: [title, owner]}]\n"
	w := &world{t: t, b: bind(t, text, worldSchema), now: now, rows: map[string]row{}, links: map[string]writegate.Link{}}
	entry := put("items", "i", row{"title": "one", "owner": "u"})
	w.steps(
		step{"a", entry, "insert"},
		step{"a", entry, "noop"},
		step{"b", put("items", "i", row{"title": "other", "owner": "u"}), "noop"},
		step{"a", patch("items", "i", row{"title": "two"}), "noop"},
		step{"a", del("items", "i"), "noop"},
	)
	if got := w.doAs("stranger", "x", put("items", "i", row{"title": "mine", "owner": "stranger"})); got != "noop" {
		t.Error(got)
	}
	w.has("i", row{"title": "one"})
}
