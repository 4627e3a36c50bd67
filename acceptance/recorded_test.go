package acceptance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const recordingPolicy = `policy: 1
claims: {sub: {path: sub, type: text, required: true}}
conflicts: {table: write_conflicts}
changelog: {table: field_changes}
tables:
  gadgets:
    default: {owner: claims.sub}
    changelog: [title, qty]
    counters: {qty: {from: delta}}
    conflict: {strategy: version, column: version, on_conflict: record}
    rules: [{name: own, ops: [create, update], row: row.owner == claims.sub, columns: [title, notes, qty]}]
  write_conflicts:
    rules: [{name: own, ops: [update], row: row.user_id == claims.sub, columns: [resolved]}]
`

// TestRecordedConflict has device B lose against A, learn of it, and put its own values through afterwards.
func TestRecordedConflict(t *testing.T) {
	eachGadgets(t, func(t *testing.T, s *stage) {
		s.use(recordingPolicy)
		a, b := device{id: "A"}, device{id: "B"}
		a.edit("PUT", "g", entry{"title": "zero", "qty": 5})
		a.edit("PATCH", "g", entry{"title": "a"}, version(1))
		b.edit("PATCH", "g", entry{"title": "b", "notes": "b", "qty": -2}, version(1))
		all := strings.Join(append(a.send(s, 0, 2, 2), b.send(s, 0, 1, 1)...), " ")
		if all != "applied applied applied" { // what is counted counts
			t.Error(all)
		}
		for range 3 {
			b.send(s, 0, 1, 1)
			a.send(s, 0, 2, 1)
		}
		if got := s.gadget("g", "title", "notes", "qty", "version"); got != "a null 3 3" {
			t.Error(got)
		}
		want := []string{`gadgets g conflict.version {"notes":"b","title":"b"} {"notes":null,"title":"a"} u1`}
		if diff := cmp.Diff(want, s.table("write_conflicts", "table_name", "row_id", "conflict_type", "client_data", "server_data", "user_id")); diff != "" {
			t.Error(diff)
		}
		conflict := s.table("write_conflicts", "id")[0]
		b.edit("PATCH", "g", entry{"title": "b", "notes": "b"}, version(3))
		b.edit("PATCH", conflict, entry{"resolved": 1})
		b.ops[2]["table"] = "write_conflicts"
		if got := fmt.Sprint(b.send(s, 1, 3, 2)); got != "[applied applied]" {
			t.Error(got)
		}
		if got := s.gadget("g", "title", "notes", "qty", "version"); got != "b b 3 4" {
			t.Error(got)
		}
		resolved := s.table("write_conflicts", "resolved")
		if len(resolved) != 1 || resolved[0] != "true" && resolved[0] != "1" {
			t.Error(resolved)
		}
		changes := []string{
			"qty 5 3 applied", "qty null 5 applied", "title a b applied", "title a b recorded", "title null zero applied", "title zero a applied",
		}
		if diff := cmp.Diff(changes, s.table("field_changes", "field_name", "old_value", "new_value", "status")); diff != "" {
			t.Error(diff)
		}
	})
}

// TestOthersCantResolve has somebody else try to.
func TestOthersCantResolve(t *testing.T) {
	s := openMemory(t)
	s.use(recordingPolicy)
	a, b := device{id: "A"}, device{id: "B"}
	a.edit("PUT", "g", entry{"title": "zero"})
	a.edit("PATCH", "g", entry{"title": "a"}, version(1))
	b.edit("PATCH", "g", entry{"title": "b"}, version(1))
	a.send(s, 0, 2, 1)
	b.send(s, 0, 1, 1)
	conflict := s.table("write_conflicts", "id")[0]
	for _, op := range []entry{
		{"op": "PATCH", "table": "write_conflicts", "id": conflict, "op_id": 1, "op_data": entry{"resolved": 1}},
		{"op": "PUT", "table": "write_conflicts", "id": "mine", "op_id": 2, "op_data": entry{"user_id": "u2"}},
	} {
		s.send("u2", entry{"client_id": "C", "transactions": []entry{{"transaction_id": 1, "crud": []entry{op}}}})
	}
	if got := s.table("write_conflicts", "resolved"); len(got) != 1 || got[0] != "false" {
		t.Error(got)
	}
}

// TestInsertOnly sends rows that are never changed again and again, without saying who sends them.
func TestInsertOnly(t *testing.T) {
	eachGadgets(t, func(t *testing.T, s *stage) {
		s.use(`policy: 1
claims: {sub: {path: sub, type: text, required: true}}
tables:
  gadgets:
    put_existing: ignore
    default: {owner: claims.sub}
    rules: [{name: log, ops: [create], check: new.owner == claims.sub, columns: [title]}]
`)
		d := device{}
		for i := range 3 {
			d.edit("PUT", fmt.Sprint("g", i), entry{"title": fmt.Sprint("entry ", i)})
		}
		for n, want := range []string{"[applied applied]", "[noop applied]", "[noop noop]"} {
			if got := fmt.Sprint(d.send(s, min(n, 1), min(n, 1)+2, 1)); got != want {
				t.Errorf("upload %d: %s, want %s", n, got, want)
			}
		}
		want := []string{"g0 entry 0 u1", "g1 entry 1 u1", "g2 entry 2 u1"}
		if diff := cmp.Diff(want, s.table("gadgets", "id", "title", "owner")); diff != "" {
			t.Error(diff)
		}
	})
}
