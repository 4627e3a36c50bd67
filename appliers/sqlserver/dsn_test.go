package sqlserver

import (
	"strings"
	"testing"

	"writegate"
)

// TestRenewing asks for the DSN at each new connection, and keeps what it is about out of errors.
func TestRenewing(t *testing.T) {
	const first = "sqlserver://app:hunter2@db.example?database=app"
	connector, _, err := connectorOf(first)
	if err != nil {
		t.Fatal(err)
	}
	dsn := first
	for _, renew := range []func() string{nil, func() string { return dsn }} {
		r := &renewing{renew: renew, dsn: first, connector: connector}
		dsn = first
		if got, err := r.current(); err != nil || got != connector {
			t.Errorf("the same DSN has another connector, %v", err)
		}
		dsn = "sqlserver://app:hunter3@db.example?database=app"
		got, err := r.current()
		if err != nil || (got != connector) != (renew != nil) {
			t.Errorf("another DSN: another connector %v, %v", got != connector, err)
		}
		if again, err := r.current(); err != nil || again != got {
			t.Errorf("each connection has a connector of its own, %v", err)
		}
		dsn = "sqlserver://app:hunter4@db example"
		if _, err := r.current(); renew != nil && (err == nil || writegate.AsError(err).Class != writegate.Operator || strings.Contains(err.Error(), "hunter")) {
			t.Errorf("a DSN that can't be read: %v", err)
		}
	}
}
