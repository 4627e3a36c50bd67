package applierstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"writegate"
)

var errWanted = errors.New("the case wants this error")

var transactionCases = []testCase{
	{name: "commits on nil", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(d.insert("notes", "a", writegate.Row{"body": "one"})))
		d.want("notes", `id="a" body="one"`)
	}},
	{name: "rolls back on an error and returns it", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		err := d.inTx(func(tx writegate.Tx) error {
			d.no(tx.Write(t.Context(), []writegate.Change{d.insert("notes", "a", nil)}))
			d.no(tx.Settle(t.Context(), writegate.Settlement{Run: run("d1", 1, 3)}))
			return errWanted
		})
		if !errors.Is(err, errWanted) {
			t.Errorf("InTx returned %v", err)
		}
		d.want("notes")
		d.wantRuns(claim("d1", 1, 9))
	}},
	{name: "rolls back on a refusal of fn and keeps its class", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		err := d.inTx(func(tx writegate.Tx) error {
			d.no(tx.Write(t.Context(), []writegate.Change{d.insert("notes", "a", nil)}))
			return writegate.Refuse(writegate.InvalidData, "x.y", "no")
		})
		if e := writegate.AsError(err); e.Class != writegate.Refused || e.Reason != "x.y" {
			t.Errorf("InTx returned %v", err)
		}
		d.want("notes")
	}},
	{name: "rolls back on a panic and works on", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not come through")
				}
			}()
			_ = d.inTx(func(tx writegate.Tx) error {
				d.no(tx.Write(t.Context(), []writegate.Change{d.insert("notes", "a", nil)}))
				panic("the case wants this panic")
			})
		}()
		d.no(d.write(d.insert("notes", "b", nil)))
		d.want("notes", `id="b"`)
	}},
	{name: "data and ledger commit together", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		err := d.inTx(func(tx writegate.Tx) error {
			if _, err := tx.Claim(t.Context(), claim("d1", 1, 2)); err != nil {
				return err
			}
			if err := tx.Write(t.Context(), []writegate.Change{d.insert("notes", "a", nil), d.insert("notes", "a", nil)}); err != nil {
				return err
			}
			return tx.Settle(t.Context(), writegate.Settlement{Run: run("d1", 1, 2)})
		})
		if err == nil {
			t.Fatal("a row was inserted twice")
		}
		d.want("notes")
		d.wantRuns(claim("d1", 1, 9))
	}},
	{name: "a cancelled context commits nothing", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		var ctx context.Context
		for _, wait := range []time.Duration{0, 50 * time.Millisecond} { // whoever watches the context sees it late, or in time
			var cancel context.CancelFunc
			ctx, cancel = context.WithCancel(t.Context())
			err := d.Applier.InTx(ctx, someone, func(tx writegate.Tx) error {
				d.no(tx.Write(ctx, []writegate.Change{d.insert("notes", "a", nil)}))
				cancel()
				time.Sleep(wait)
				return nil
			})
			if err == nil || writegate.AsError(err).Class != writegate.Retry {
				t.Errorf("InTx cancelled %v before its end returned %v, want class retry", wait, err)
			}
			d.want("notes")
		}
		if err := d.Applier.InTx(ctx, someone, func(writegate.Tx) error { return nil }); err == nil || writegate.AsError(err).Class != writegate.Retry {
			t.Errorf("InTx with a dead context returned %v, want class retry", err)
		}
		d.no(d.write(d.insert("notes", "b", nil)))
	}},
}
