package policy

import (
	"encoding/json"
	"fmt"
	"maps"
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
	late      bool // what is done was refused before
	changed   bool // by an operation before it
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
		if w.judge, err = w.b.Judge(writegate.Asking{Caller: writegate.Caller{Subject: subject}, ClientID: device, Now: w.now, Late: w.late}); err != nil {
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
	a.Name, a.Changed = fmt.Sprintf("%032d", len(w.notes)), w.changed
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
