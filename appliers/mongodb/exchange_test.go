package mongodb

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
)

// TestExchange has a server that takes the login no more, and a DSN that leads past it from some moment on.
func TestExchange(t *testing.T) {
	w := newWired(t)
	dsn := w.dsn(w.app.Name())
	w.db = w.home.open(t, Config{DSN: dsn, Schema: w.own, Renew: func() string { return dsn }})
	write := func(id string, want writegate.Class) {
		t.Helper()
		if err := w.write(t, w.insert(id)); writegate.AsError(err) == nil && want != 0 || err != nil && writegate.AsError(err).Class != want {
			t.Errorf("%s: %v (cause: %v), want class %v", id, err, cause(err), want)
		}
	}
	write("before", 0)
	refuse := func(name string, _ bson.D) order {
		if name == "hello" {
			return order{}
		}
		return failure(18)
	}
	w.on(refuse)
	write("refused", writegate.Retry)
	write("refused again", writegate.Retry)
	dsn = w.home.dsn // past the wire
	write("the one that notices", writegate.Retry)
	write("after", 0)
	if err := w.db.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}

	dsn = "mongodb://:hunter2@@/"
	if err := w.db.client.after(writegate.TryLater(nil)); err == nil {
		t.Error("an error got lost")
	}
	write("the address before stays", 0)

	dsn = w.home.dsn // past the wire
	err := w.db.InTx(t.Context(), writegate.Caller{Subject: "u"}, func(tx writegate.Tx) error {
		if err := tx.Write(t.Context(), []writegate.Change{w.insert("meanwhile")}); err != nil {
			return err
		}
		dsn += "&appName=other"
		_ = w.db.client.after(writegate.TryLater(nil))
		return tx.Write(t.Context(), []writegate.Change{w.insert("meanwhile too")})
	})
	if e := writegate.AsError(err); e == nil || e.Class != writegate.Retry {
		t.Errorf("exchanged within a transaction: %v (cause: %v)", err, cause(err))
	}
	for id, want := range map[string]int64{"before": 1, "refused": 0, "the one that notices": 0, "after": 1, "the address before stays": 1, "meanwhile": 0} {
		if n := w.count(t, id); n != want {
			t.Errorf("%s is there %d times, want %d", id, n, want)
		}
	}
}
