package applierstest

import (
	"sync"
	"testing"

	"writegate"
)

var lifecycleCases = []testCase{
	{name: "checkpoints grow", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		last := map[string]int64{}
		for range 3 {
			for _, who := range [][2]string{{"u1", "d1"}, {"u1", "d2"}, {"u2", "d1"}} {
				n, err := d.Applier.Checkpoint(t.Context(), who[0], who[1])
				d.no(err)
				if key := who[0] + who[1]; n <= last[key] {
					t.Errorf("%v got %d after %d", who, n, last[key])
				} else {
					last[key] = n
				}
			}
		}
	}},
	{name: "checkpoints of many at once are all different", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		var mu sync.Mutex
		seen := map[int64]bool{}
		together(func(int) {
			last := int64(0)
			for range rounds {
				n, err := d.Applier.Checkpoint(t.Context(), "u1", "d1")
				if err != nil || n <= last {
					t.Errorf("got %d after %d, %v", n, last, err)
				}
				last = n
				mu.Lock()
				if seen[n] {
					t.Errorf("%d was given out twice", n)
				}
				seen[n] = true
				mu.Unlock()
			}
		})
	}},
	{name: "ready", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.no(d.Applier.Ready(t.Context()))
	}},
	{name: "everything is there after a restart", needs: []Feature{Durable}, run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(d.insert("notes", "a", writegate.Row{"n": int64(1)})))
		d.settle(writegate.Settlement{Run: run("d1", 1, 2), Refusals: []writegate.Refusal{refusal("d1", "u1", 2)}})
		n, err := d.Applier.Checkpoint(t.Context(), "u1", "d1")
		d.no(err)
		d.no(d.Applier.Close())
		d.Applier = d.replica()
		d.no(d.Applier.Ready(t.Context()))
		schema, err := d.Applier.Schema(t.Context(), d.refs())
		d.no(err)
		d.schema = schema
		if rows := d.load("notes", "a"); rows["a"]["n"] != int64(1) {
			t.Errorf("loaded %v", rows)
		}
		if got := d.claimed(claim("d1", 1, 9)); len(got.Runs) != 1 || len(got.Refusals) != 1 {
			t.Errorf("claimed %+v", got)
		}
		if again, err := d.Applier.Checkpoint(t.Context(), "u1", "d1"); err != nil || again <= n {
			t.Errorf("checkpoint is %d after %d, %v", again, n, err)
		}
	}},
	{name: "after Close there are errors, and no panic", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.Applier.Close())
		called := false
		err := d.inTx(func(writegate.Tx) error {
			called = true
			return nil
		})
		if err == nil || called {
			t.Errorf("InTx called fn: %v, returned %v", called, err)
		}
		for name, err := range map[string]error{
			"InTx": err, "Ready": d.Applier.Ready(t.Context()),
			"Schema":     func() error { _, err := d.Applier.Schema(t.Context(), d.refs()); return err }(),
			"Checkpoint": func() error { _, err := d.Applier.Checkpoint(t.Context(), "u1", "d1"); return err }(),
		} {
			if err == nil || writegate.AsError(err).Class == writegate.Refused {
				t.Errorf("%s returned %v", name, err)
			}
		}
	}},
}
