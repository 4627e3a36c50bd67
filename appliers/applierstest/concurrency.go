package applierstest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"writegate"
)

const (
	senders = 16
	rounds  = 8
)

// together runs fn in as many goroutines as there are senders, all from one start.
func together(fn func(sender int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	wg.Wait()
}

var concurrencyCases = []testCase{
	{name: "one device is applied once by many senders", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		for round := range int64(rounds) {
			op := round + 1
			together(func(int) {
				err := d.again(d.Applier, someone, func(tx writegate.Tx) error {
					settled, err := tx.Claim(t.Context(), claim("d1", op, op))
					if err != nil || len(settled.Runs) > 0 {
						return err
					}
					if err := tx.Write(t.Context(), []writegate.Change{d.insert("notes", fmt.Sprint(op), nil)}); err != nil {
						return err
					}
					return tx.Settle(t.Context(), writegate.Settlement{Run: run("d1", op, op)})
				})
				if err != nil {
					t.Error(err)
				}
			})
			if got := d.claimed(claim("d1", op, op)).Runs; len(got) != 1 {
				t.Fatalf("operation %d was settled %d times", op, len(got))
			}
		}
		if rows, err := d.Rows(t.Context(), "notes"); err != nil || len(rows) != rounds {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	}},
	{name: "no update is lost", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(d.insert("notes", "a", writegate.Row{"n": int64(0)}), d.insert("notes", "b", writegate.Row{"n": int64(0)})))
		together(func(sender int) {
			keys := []any{"a", "b"}
			if sender%2 == 0 {
				keys = []any{"b", "a"} // locks are taken in one order all the same
			}
			for range rounds {
				err := d.again(d.Applier, someone, func(tx writegate.Tx) error {
					rows, err := d.loadIn(tx, writegate.ForUpdate, "notes", keys...)
					if err != nil {
						return err
					}
					var changes []writegate.Change
					for _, key := range keys {
						changes = append(changes, d.update("notes", key, writegate.Row{"n": rows[key]["n"].(int64) + 1}))
					}
					return tx.Write(t.Context(), changes)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
		d.want("notes", fmt.Sprintf(`id="a" n=%d`, senders*rounds), fmt.Sprintf(`id="b" n=%d`, senders*rounds))
	}},
	{name: "one of many creates a row", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		for round := range rounds {
			key := fmt.Sprint(round)
			var mu sync.Mutex
			created := 0
			together(func(sender int) {
				mine := false
				err := d.again(d.Applier, someone, func(tx writegate.Tx) error {
					mine = false
					rows, err := d.loadIn(tx, writegate.ForUpdate, "notes", key)
					if err != nil || len(rows) > 0 {
						return err
					}
					mine = true
					return tx.Write(t.Context(), []writegate.Change{d.insert("notes", key, writegate.Row{"n": int64(sender)})})
				})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if mine {
					created++
				}
			})
			if created != 1 {
				t.Fatalf("the row was created %d times", created)
			}
		}
	}},
	{name: "a device waits for its other upload, but not for ever", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.waits(d.Applier)
	}},
	{name: "so it does for a replica", needs: []Feature{Replicas}, run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.waits(d.replica())
	}},
	{name: "replicas lose no update", needs: []Feature{Replicas}, run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(d.insert("notes", "a", writegate.Row{"n": int64(0)})))
		appliers := []writegate.Applier{d.Applier, d.replica()}
		together(func(sender int) {
			err := d.again(appliers[sender%2], someone, func(tx writegate.Tx) error {
				rows, err := d.loadIn(tx, writegate.ForUpdate, "notes", "a")
				if err != nil {
					return err
				}
				return tx.Write(t.Context(), []writegate.Change{d.update("notes", "a", writegate.Row{"n": rows["a"]["n"].(int64) + 1})})
			})
			if err != nil {
				t.Error(err)
			}
		})
		d.want("notes", fmt.Sprintf(`id="a" n=%d`, senders))
	}},
}

// waits checks that a claim waits while another transaction has the device, gives up after about two seconds,
// and afterwards sees what was settled.
func (d *database) waits(second writegate.Applier) {
	t := d.t
	t.Helper()
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- d.inTx(func(tx writegate.Tx) error {
			_, err := tx.Claim(t.Context(), claim("d1", 1, 1))
			close(held)
			if err != nil {
				return err
			}
			<-release
			return tx.Settle(t.Context(), writegate.Settlement{Run: run("d1", 1, 1)})
		})
	}()
	<-held
	unstick := time.AfterFunc(20*time.Second, func() { t.Error("the second claim never gave up"); close(release) })
	begun := time.Now()
	err := second.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		_, err := tx.Claim(t.Context(), claim("d1", 1, 1))
		return err
	})
	waited := time.Since(begun)
	if err == nil || writegate.AsError(err).Class != writegate.Retry {
		t.Errorf("the second claim returned %v, want class retry", err)
	}
	if waited < 500*time.Millisecond || waited > 5*time.Second {
		t.Errorf("the second claim waited %v, want about two seconds", waited)
	}
	if unstick.Stop() {
		close(release)
	}
	d.no(<-done)
	d.no(d.again(second, someone, func(tx writegate.Tx) error {
		settled, err := tx.Claim(t.Context(), claim("d1", 1, 1))
		if err == nil && len(settled.Runs) != 1 {
			t.Errorf("there are %d runs", len(settled.Runs))
		}
		return err
	}))
}
