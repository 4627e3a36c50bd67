package devsync

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// replica is what a client has after applying operations.
type replica struct {
	name string
	pos  int64
	rows map[row]string
}

// sync applies what the replica lacks of a bucket, and complains about operations out of order.
func (r *replica) sync(t *testing.T, b *bucket) {
	t.Helper()
	if r.name != b.name {
		*r = replica{name: b.name, rows: map[row]string{}}
	}
	for _, o := range b.after(r.pos) {
		if o.id <= r.pos || o.id > b.last {
			t.Fatalf("operation %d after %d in a bucket up to %d", o.id, r.pos, b.last)
		}
		r.pos = o.id
		if o.removed {
			delete(r.rows, o.row)
		} else {
			r.rows[o.row] = o.data
		}
	}
}

// take commits a snapshot.
func take(j *journal, rows map[row]string) bool {
	r := j.begin()
	for at, data := range rows {
		r.add(at.table, at.id, []byte(data))
	}
	return r.commit()
}

func TestJournalKeepsOnlyTheLatest(t *testing.T) {
	j := newJournal()
	a, b := row{"t", "a"}, row{"t", "b"}
	steps := []struct {
		name    string
		rows    map[row]string
		differs bool
		ops     int
	}{
		{"empty", nil, false, 0},
		{"two rows", map[row]string{a: "1", b: "1"}, true, 2},
		{"the same again", map[row]string{a: "1", b: "1"}, false, 2},
		{"one changed", map[row]string{a: "2", b: "1"}, true, 2},
		{"one removed", map[row]string{a: "2"}, true, 2},
		{"still removed", map[row]string{a: "2"}, false, 2},
		{"back as it was", map[row]string{a: "2", b: "1"}, true, 2},
		{"all gone", nil, true, 2},
	}
	var early replica
	for _, s := range steps {
		if got := take(j, s.rows); got != s.differs {
			t.Errorf("%s: differs = %v", s.name, got)
		}
		now := j.bucket(0)
		if len(now.ops) != s.ops {
			t.Errorf("%s: %d operations kept, want %d", s.name, len(now.ops), s.ops)
		}
		var late replica
		early.sync(t, now)
		late.sync(t, now)
		want := s.rows
		if want == nil {
			want = map[row]string{}
		}
		for name, r := range map[string]replica{"old client": early, "new client": late} {
			if diff := cmp.Diff(want, r.rows, cmp.AllowUnexported(row{})); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", s.name, name, diff)
			}
		}
	}
}

func TestJournalForgetsAFailedSnapshot(t *testing.T) {
	j := newJournal()
	a, b := row{"t", "a"}, row{"t", "b"}
	take(j, map[row]string{a: "1", b: "1"})
	failed := j.begin()
	failed.add("t", "a", []byte("2"))
	if take(j, map[row]string{a: "1", b: "1"}) {
		t.Error("a snapshot that was not committed left something behind")
	}
	take(j, map[row]string{b: "1"})
	var r replica
	r.sync(t, j.bucket(0))
	if diff := cmp.Diff(map[row]string{b: "1"}, r.rows, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJournalRestartsWhenMostRowsAreGone(t *testing.T) {
	j := newJournal()
	rows := map[row]string{}
	for i := range keepRemoved + 100 {
		rows[row{"t", fmt.Sprint(i)}] = "1"
	}
	take(j, rows)
	var r replica
	old := j.bucket(0)
	r.sync(t, old)
	few := map[row]string{{"t", "1"}: "1", {"t", "new"}: "2"}
	take(j, few)
	now := j.bucket(0)
	if now.name == old.name || len(now.ops) != len(few) {
		t.Errorf("bucket %s with %d operations after %s", now.name, len(now.ops), old.name)
	}
	r.sync(t, now)
	if diff := cmp.Diff(few, r.rows, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(old.ops) != keepRemoved+100 {
		t.Error("a bucket in the hands of streams changed")
	}
}

func TestJournalDoesNotRestartWhileRowsComeAndGo(t *testing.T) {
	j := newJournal()
	rows := map[row]string{}
	for i := range keepRemoved/2 + 1 {
		rows[row{"t", fmt.Sprint(i)}] = "1"
	}
	take(j, rows)
	name := j.name
	for range 3 {
		take(j, nil)
		take(j, rows)
	}
	if j.name != name || j.removed != 0 {
		t.Errorf("restarted, or counts %d removed rows", j.removed)
	}
}

// TestJournalRandom compares clients that sync now and then with the source.
func TestJournalRandom(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	j := newJournal()
	source := map[row]string{}
	clients := make([]replica, 4)
	for step := range 300 {
		for range rnd.IntN(4) {
			at := row{fmt.Sprint("t", rnd.IntN(2)), fmt.Sprint(rnd.IntN(10))}
			if rnd.IntN(3) == 0 {
				delete(source, at)
			} else {
				source[at] = fmt.Sprint(rnd.IntN(5))
			}
		}
		take(j, source)
		c := &clients[rnd.IntN(len(clients))]
		c.sync(t, j.bucket(0))
		if diff := cmp.Diff(source, c.rows, cmp.AllowUnexported(row{})); diff != "" {
			t.Fatalf("seed %d step %d (-want +got):\n%s", seed, step, diff)
		}
		if kept := len(j.ops); kept != len(j.rows) {
			t.Fatalf("seed %d step %d: %d operations for %d rows", seed, step, kept, len(j.rows))
		}
	}
}
