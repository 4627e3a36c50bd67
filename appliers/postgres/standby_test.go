package postgres

import (
	"testing"

	"writegate"
)

// TestLeavesStandby has the only connection lead to a server that takes no writes, as after a failover. The next one does.
func TestLeavesStandby(t *testing.T) {
	dsn := database(t, todoSetup)
	db := open(t, Config{DSN: dsn, MaxConns: 1})
	lists := tables(t, db, "lists")["lists"]
	for _, notice := range []func() error{
		func() error { return write(t, db, insert(lists, "lost", writegate.Row{"name": "x"})) },
		func() error { return db.Ready(t.Context()) },
	} {
		if _, err := db.pool.Exec(t.Context(), "set default_transaction_read_only = on"); err != nil {
			t.Fatal(err)
		}
		if err := notice(); writegate.AsError(err) == nil || writegate.AsError(err).Class != writegate.Retry {
			t.Errorf("a server that takes no writes: %v", err)
		}
		if err := db.Ready(t.Context()); err != nil {
			t.Errorf("the next connection: %v", err)
		}
	}
	if err := write(t, db, insert(lists, "kept", writegate.Row{"name": "x"})); err != nil {
		t.Error(err)
	}
}
