package mysql

import (
	"testing"

	"writegate"
)

// TestLeavesStandby has the only connection lead to a server that takes no writes, as after a failover. The next one does.
func TestLeavesStandby(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		cfg := e.config(notesOn(t, e))
		cfg.MaxConns = 1
		db := open(t, cfg)
		notes := tables(t, db, "notes")["notes"]
		if _, err := db.pool.ExecContext(t.Context(), "SET SESSION TRANSACTION READ ONLY"); err != nil {
			t.Fatal(err)
		}
		if err := write(t, db, put(notes, "a", nil)); writegate.AsError(err) == nil || writegate.AsError(err).Class != writegate.Retry {
			t.Errorf("a server that takes no writes: %v", err)
		}
		if err := write(t, db, put(notes, "a", nil)); err != nil {
			t.Errorf("the next connection: %v", err)
		}
	})
}
