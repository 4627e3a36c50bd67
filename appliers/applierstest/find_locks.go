package applierstest

import (
	"sync/atomic"
	"testing"
	"time"

	"writegate"
)

// lockCases are what a lock of a lookup keeps out, between two appliers on one database where there can be two.
var lockCases = []testCase{
	{name: "a share lock keeps out who changes the row", run: func(t *testing.T, s *suite) {
		s.excludes(t, writegate.ForShare, func(d *database, tx writegate.Tx) error {
			if _, err := d.loadIn(tx, writegate.ForUpdate, "memberships", "m1"); err != nil {
				return err
			}
			return tx.Write(t.Context(), []writegate.Change{d.update("memberships", "m1", writegate.Row{"role": "tech"})})
		})
	}},
	{name: "a share lock keeps out who removes the row", run: func(t *testing.T, s *suite) {
		s.excludes(t, writegate.ForShare, func(d *database, tx writegate.Tx) error {
			if _, err := d.loadIn(tx, writegate.ForUpdate, "memberships", "m1"); err != nil {
				return err
			}
			return tx.Write(t.Context(), []writegate.Change{d.remove("memberships", "m1")})
		})
	}},
	{name: "a share lock keeps out an update lock", run: func(t *testing.T, s *suite) {
		s.excludes(t, writegate.ForShare, func(d *database, tx writegate.Tx) error { return d.findAdmin(tx, writegate.ForUpdate) })
	}},
	{name: "a share lock on rows that an index answers for keeps out an update lock", run: func(t *testing.T, s *suite) {
		s.excludes(t, writegate.ForShare, func(d *database, tx writegate.Tx) error {
			_, err := d.loadIn(tx, writegate.ForUpdate, "memberships", "m1")
			return err
		})
	}},
	{name: "an update lock keeps out a share lock", run: func(t *testing.T, s *suite) {
		s.excludes(t, writegate.ForUpdate, func(d *database, tx writegate.Tx) error { return d.findAdmin(tx, writegate.ForShare) })
	}},
	{name: "an update lock keeps out who changes the row", run: func(t *testing.T, s *suite) {
		s.excludes(t, writegate.ForUpdate, func(d *database, tx writegate.Tx) error {
			if _, err := d.loadIn(tx, writegate.ForUpdate, "memberships", "m1"); err != nil {
				return err
			}
			return tx.Write(t.Context(), []writegate.Change{d.update("memberships", "m1", writegate.Row{"role": "tech"})})
		})
	}},
}

// findAdmin finds the row m1 of [memberships].
func (d *database) findAdmin(tx writegate.Tx, lock writegate.Lock) error {
	l := d.lookup("memberships", []string{"member", "org"}, nil)
	l.Lock = lock
	_, err := tx.Find(d.t.Context(), []writegate.Find{{Lookup: l, Values: [][]any{{"ann", "o1"}}, Most: 2}})
	return err
}

// excludes has a transaction find a row with a lock, and another one begin after that: it must not commit before the
// first one is at its end.
func (s *suite) excludes(t *testing.T, lock writegate.Lock, other func(*database, writegate.Tx) error) {
	t.Helper()
	d := s.open(t, uniqueMemberships)
	d.no(d.write(d.insert("memberships", "m1", writegate.Row{"org": "o1", "member": "ann", "role": "admin"})))
	second := d.Applier
	if _, without := s.Without[Replicas]; !without {
		second = d.replica()
		_, err := second.Schema(t.Context(), d.refs())
		d.no(err)
	}
	var over atomic.Bool
	held, done := make(chan struct{}), make(chan error, 1)
	go func() {
		<-held
		err := d.again(second, someone, func(tx writegate.Tx) error { return other(d, tx) })
		if !over.Load() {
			t.Error("the other transaction was committed while the lock was held")
		}
		done <- err
	}()
	begun := false
	d.no(d.again(d.Applier, someone, func(tx writegate.Tx) error {
		over.Store(false)
		if err := d.findAdmin(tx, lock); err != nil {
			return err
		}
		if !begun {
			begun = true
			close(held)
		}
		time.Sleep(200 * time.Millisecond)
		over.Store(true)
		return nil
	}))
	d.no(<-done)
}
