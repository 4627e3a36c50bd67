package policy

import (
	"testing"
	"time"

	"writegate"
)

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

// TestPutThatReplaces leaves alone what it doesn't name when it was in conflict, and what it may not write ever.
func TestPutThatReplaces(t *testing.T) {
	w := newWorld(t, "", "    put_existing: replace\n    counters: {qty: {from: previous}}\n    conflict: {strategy: version, column: version, on_conflict: merge, merge: {tags: set_union}}\n")
	w.rows["i"] = row{"id": "i", "owner": "u", "title": "t", "notes": "n", "tags": `["a"]`, "qty": int64(3), "price": nil, "version": int64(7)}
	w.steps(
		step{"a", base(put("items", "i", row{"tags": `["b"]`, "title": "t", "notes": "n"}), 6), "update"},
		step{"b", base(put("items", "i", row{"title": "u"}), 8), "update"},
	)
	w.has("i", row{"title": "u", "notes": nil, "tags": nil, "qty": int64(3), "version": int64(9)})
}

// TestPutThatOnlyClears leaves out what somebody else has set meanwhile, and sends nothing else that differs.
func TestPutThatOnlyClears(t *testing.T) {
	clearing := put("items", "i", row{"title": "t"})
	for _, c := range []struct {
		keys string
		op   writegate.Op
		want string
		then any
	}{
		{"strategy: version, column: version", base(clearing, 6), "conflict.version", "n"},
		{"strategy: version, column: version", base(clearing, 7), "update", nil},
		{"strategy: version, column: version, on_conflict: server_wins", base(clearing, 6), "noop", "n"},
		{"strategy: lww, column: edited_at", at(clearing, now.Add(-time.Hour)), "noop", "n"},
		{"strategy: lww, column: edited_at", at(clearing, now.Add(time.Second)), "update", nil},
		{"strategy: field_lww, clocks: clocks", at(clearing, now.Add(-time.Hour)), "noop", "n"},
		{"strategy: field_lww, clocks: clocks", at(clearing, now.Add(time.Second)), "update", nil},
	} {
		w := newWorld(t, "", "    put_existing: replace\n    conflict: {"+c.keys+"}\n")
		w.rows["i"] = row{
			"id": "i", "owner": "u", "title": "t", "notes": "n", "tags": nil, "qty": nil, "price": nil, "version": int64(7), "edited_at": now,
			"clocks": `{"title":"2026-03-01T10:00:00Z","notes":"2026-03-01T10:00:00Z","tags":"2026-03-01T10:00:00Z","qty":"2026-03-01T10:00:00Z","price":"2026-03-01T10:00:00Z"}`,
		}
		w.steps(step{"a", c.op, c.want})
		w.has("i", row{"notes": c.then, "title": "t"})
	}
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
