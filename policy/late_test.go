package policy

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// TestLate does late what a device asked for on Monday, of rows that somebody may have changed on Tuesday.
func TestLate(t *testing.T) {
	stored := row{"id": "i", "owner": "u", "title": "now", "notes": "n", "qty": int64(5), "price": "1.50", "tags": `["a"]`, "edited_at": now}
	for name, tt := range map[string]struct {
		keys string
		op   writegate.Op
		want string
	}{
		"patch, as it was seen":       {"", saw(patch("items", "i", row{"title": "new"}), row{"title": "now"}), "update"},
		"patch, changed since":        {"", saw(patch("items", "i", row{"title": "new"}), row{"title": "old"}), "late.changed"},
		"patch, without what it saw":  {"", patch("items", "i", row{"title": "new"}), "late.unseen"},
		"patch, saw another column":   {"", saw(patch("items", "i", row{"title": "new"}), row{"notes": "n"}), "late.unseen"},
		"patch, one of two":           {"", saw(patch("items", "i", row{"title": "new", "notes": "new"}), row{"title": "now", "notes": "m"}), "late.changed"},
		"patch, one of two untold":    {"", saw(patch("items", "i", row{"title": "new", "notes": "new"}), row{"title": "now"}), "late.unseen"},
		"patch, it is so already":     {"", saw(patch("items", "i", row{"title": "now"}), row{"title": "old"}), "noop"},
		"patch, half is so already":   {"", saw(patch("items", "i", row{"title": "now", "notes": "new"}), row{"title": "old", "notes": "n"}), "update"},
		"patch, saw null":             {"", saw(patch("items", "i", row{"title": "new"}), row{"title": nil}), "late.changed"},
		"patch, saw what it can't":    {"", saw(patch("items", "i", row{"qty": n(6)}), row{"qty": "many"}), "late.unseen"},
		"patch of a number":           {"", saw(patch("items", "i", row{"qty": n(6)}), row{"qty": n(5)}), "update"},
		"patch of a missing row":      {"", patch("items", "j", row{"title": "new"}), "noop"},
		"put of a missing row":        {"", put("items", "j", row{"title": "new"}), "insert"},
		"put, changed since":          {"", saw(put("items", "i", row{"title": "new"}), row{"title": "old"}), "late.changed"},
		"put, without what it saw":    {"", put("items", "i", row{"title": "new"}), "late.unseen"},
		"put, as it was seen":         {"", saw(put("items", "i", row{"title": "new"}), row{"title": "now"}), "update"},
		"put, it is so already":       {"", put("items", "i", row{"title": "now", "notes": "n"}), "noop"},
		"put replaces the unseen":     {"    put_existing: replace\n", saw(put("items", "i", row{"title": "new", "qty": n(5), "price": n(2), "tags": writegate.JSON(`["a"]`)}), row{"title": "now", "price": "1.50"}), "late.unseen"},
		"put replaces what it saw":    {"    put_existing: replace\n", saw(put("items", "i", row{"title": "new", "qty": n(5), "price": "1.50", "tags": writegate.JSON(`["a"]`)}), row{"title": "now", "notes": "n"}), "update"},
		"put of a row that is enough": {"    put_existing: ignore\n", put("items", "i", row{"title": "new"}), "noop"},
		"delete, as it was seen":      {"", saw(del("items", "i"), row{"title": "now", "qty": n(5), "no such": "x", "id": "i"}), "remove"},
		"delete, changed since":       {"", saw(del("items", "i"), row{"title": "now", "notes": "m"}), "late.changed"},
		"delete, without what it saw": {"", del("items", "i"), "late.unseen"},
		"delete, saw nothing":         {"", saw(del("items", "i"), row{}), "late.unseen"},
		"delete, saw no column":       {"", saw(del("items", "i"), row{"no such": "x", "id": "i"}), "late.unseen"},
		"delete of a missing row":     {"", del("items", "j"), "noop"},
		"counter":                     {"    counters: {qty: {from: delta}}\n", patch("items", "i", row{"qty": n(2)}), "update"},
		"counter and more":            {"    counters: {qty: {from: delta}}\n", patch("items", "i", row{"qty": n(2), "title": "new"}), "late.unseen"},
		"delete of a counter":         {"    counters: {qty: {from: delta}}\n", saw(del("items", "i"), row{"qty": n(4)}), "late.changed"},
		"delete, counter as seen":     {"    counters: {qty: {from: delta}}\n", saw(del("items", "i"), row{"qty": n(5)}), "remove"},
		"set by the server":           {"    set: [{on: [update], values: {notes: '\"set\"'}}]\n", saw(patch("items", "i", row{"title": "new"}), row{"title": "now"}), "update"},
		"strategy none":               {"    conflict: {strategy: none}\n", patch("items", "i", row{"title": "new"}), "late.unseen"},
		"soft delete":                 {"    soft_delete: {column: edited_at, value: now}\n", del("items", "j"), "noop"},
	} {
		w := newWorld(t, "", tt.keys)
		w.late, w.rows["i"] = true, maps.Clone(stored)
		if strings.Contains(tt.keys, "soft_delete") {
			w.rows["i"]["edited_at"] = nil
		}
		if got := w.do("d", tt.op); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
		if strings.HasPrefix(tt.want, "late.") {
			w.late, w.uploading = false, ""
			if got := w.do("d", tt.op); strings.HasPrefix(got, "late.") {
				t.Errorf("%s: in time it is refused as %s", name, got)
			}
		}
	}
}

// TestLateConflicts leaves to conflict: what it compares, and nothing else.
func TestLateConflicts(t *testing.T) {
	stored := row{"id": "i", "owner": "u", "title": "now", "notes": "n", "qty": int64(5), "version": int64(7), "edited_at": now, "clocks": `{"title":"2026-03-01T10:00:00Z"}`}
	const version, time, lww, fields = "strategy: version, column: version", "strategy: timestamp, column: edited_at", "strategy: lww, column: edited_at", "strategy: field_lww, clocks: clocks"
	change, older := patch("items", "i", row{"title": "new"}), now.AddDate(0, 0, -1)
	for name, tt := range map[string]struct {
		conflict string
		op       writegate.Op
		want     string
	}{
		"the version that is stored":  {version, base(change, 7), "update"},
		"an old version":              {version, base(change, 6), "conflict.version"},
		"an old version, to be taken": {version + ", on_conflict: apply", base(change, 6), "update"},
		"an old version, merged":      {version + ", on_conflict: merge, merge: {title: client}", base(change, 6), "update"},
		"no version":                  {version, change, "conflict.version_missing"},
		"no version is needed":        {version + ", missing_expected: apply", change, "late.unseen"},
		"none needed, as it was seen": {version + ", missing_expected: apply", saw(change, row{"title": "now"}), "update"},
		"removal of a version":        {version, base(del("items", "i"), 7), "remove"},
		"removal of an old version":   {version, base(del("items", "i"), 6), "conflict.version"},
		"removal without a version":   {version, del("items", "i"), "late.unseen"},
		"the time that is stored":     {time, saw(change, row{"edited_at": "2026-03-01T10:00:00Z"}), "update"},
		"later than what is stored":   {lww, at(change, now.Add(1)), "update"},
		"earlier":                     {lww, at(change, older), "noop"},
		"earlier, merged":             {lww + ", on_conflict: merge, merge: {title: client}", at(change, older), "update"},
		"at no time":                  {lww, change, "late.unseen"},
		"at no time, as it was seen":  {lww, saw(change, row{"title": "now"}), "update"},
		"by the clock of the server":  {lww + ", clock: server", at(change, now.Add(1)), "late.unseen"},
		"removal at some time":        {lww, at(del("items", "i"), now.Add(1)), "late.unseen"},
		"a later column":              {fields, at(change, now.Add(1)), "update"},
		"an earlier column":           {fields, at(change, older), "noop"},
		"an earlier column, merged":   {fields + ", on_conflict: merge, merge: {title: client}", at(change, older), "update"},
		"a column at no time":         {fields, change, "late.unseen"},
		"one column at no time":       {fields, meta(patch("items", "i", row{"title": "new", "notes": "new"}), `{"title_modified_at": "2026-03-01T10:00:01Z"}`), "late.unseen"},
		"one of them as it was seen":  {fields, saw(meta(patch("items", "i", row{"title": "new", "notes": "new"}), `{"title_modified_at": "2026-03-01T10:00:01Z"}`), row{"notes": "n"}), "update"},
	} {
		w := newWorld(t, "", "    conflict: {"+tt.conflict+"}\n")
		w.late, w.rows["i"] = true, maps.Clone(stored)
		if got := w.do("d", tt.op); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestLateRestore restores a row only if the device saw it as deleted as it is.
func TestLateRestore(t *testing.T) {
	b := bind(t, `
policy: 1
tables:
  items:
    soft_delete: {column: edited_at, value: now}
    rules: [{name: all, ops: [create, update, delete, undelete], row: row.owner == "u", columns: [title]}]
`, worldSchema)
	stored := row{"id": "i", "owner": "u", "title": "now", "edited_at": now}
	j, err := b.Judge(writegate.Asking{Now: now, Late: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		saw  row
		want string
	}{
		{row{"edited_at": "2026-03-01T10:00:00Z"}, "update"},
		{row{"edited_at": nil}, "late.changed"},
		{nil, "late.unseen"},
	} {
		if got := outcome(run(t, j, saw(put("items", "i", row{"title": "now"}), tt.saw), stored)); got != tt.want {
			t.Errorf("saw %v: %s, want %s", tt.saw, got, tt.want)
		}
	}
	live := maps.Clone(stored)
	live["edited_at"] = nil
	for _, tt := range []struct {
		saw  row
		want string
	}{{row{"title": "now", "edited_at": nil}, "update"}, {row{"title": "old"}, "late.changed"}, {nil, "late.unseen"}} {
		if got := outcome(run(t, j, saw(del("items", "i"), tt.saw), live)); got != tt.want {
			t.Errorf("removal, saw %v: %s, want %s", tt.saw, got, tt.want)
		}
	}
}

// TestLateAndMade changes a row that the same transaction has created before.
func TestLateAndMade(t *testing.T) {
	b := newWorld(t, "", "").b
	j, err := b.Judge(writegate.Asking{Caller: writegate.Caller{Subject: "u"}, Now: now, Late: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []writegate.Op{patch("items", "i", row{"title": "new"}), del("items", "i")} {
		a, refusal := j.Admit(&op)
		if refusal != nil {
			t.Fatal(refusal)
		}
		a.Made = true
		if d := j.Decide(a, row{"owner": "u", "title": "old"}, nil); d.Change == nil {
			t.Errorf("%s: %s", op.Kind, outcome(d))
		}
	}
}

// TestLateNames says which columns are meant, and in the words of the policy no more than clients are told.
func TestLateNames(t *testing.T) {
	w := newWorld(t, "", "")
	j, err := w.b.Judge(writegate.Asking{Caller: writegate.Caller{Subject: "u"}, Now: now, Late: true})
	if err != nil {
		t.Fatal(err)
	}
	stored := row{"id": "i", "owner": "u", "title": "now", "notes": "now", "qty": int64(1)}
	d := run(t, j, saw(patch("items", "i", row{"title": "a", "notes": "b", "qty": n(2)}), row{"title": "secret", "notes": "secret"}), stored)
	want := &writegate.Error{
		Class: writegate.Refused, Code: writegate.Conflict, Reason: writegate.ReasonChanged, Table: "items",
		Message: "items (notes, title): changed since the device saw it, so newer values would be lost",
	}
	if diff := cmp.Diff(want, d.Refusal); diff != "" {
		t.Error(diff)
	}
	// A user who may not see the row is told what is told when there is none.
	stored["owner"] = "somebody"
	for _, op := range []writegate.Op{patch("items", "i", row{"title": "a"}), del("items", "i")} {
		if got := outcome(run(t, j, op, stored)); got != "noop" {
			t.Errorf("%s of a row of somebody else: %s", op.Kind, got)
		}
	}
}

// TestLateChain does not let the device's own newer change count as what the older one was based on.
func TestLateChain(t *testing.T) {
	w := newWorld(t, "", "    conflict: {strategy: version, column: version}\n")
	w.rows["i"] = row{"id": "i", "owner": "u", "title": "t", "version": int64(7)}
	older, newer := base(patch("items", "i", row{"title": "older"}), 7), base(patch("items", "i", row{"title": "newer"}), 7)
	w.steps(step{"d", newer, "update"})
	w.late, w.uploading = true, ""
	w.steps(step{"d", older, "conflict.version"})
	w.changed = true // by an operation before it, which was as late
	w.steps(step{"d", older, "update"})
	w.changed = false
	w.steps(step{"d", patch("items", "j", row{"title": "x"}), "noop"})
	w.rows["j"], w.links["d j"] = row{"id": "j", "owner": "u", "title": "t", "version": int64(1)}, writegate.Link{Base: "0", Made: "1"}
	w.steps(step{"d", patch("items", "j", row{"title": "x"}), "conflict.version_missing"})
	w.late, w.uploading = false, ""
	w.steps(step{"d", patch("items", "j", row{"title": "x"}), "update"})
}
