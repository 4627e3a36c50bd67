package mongodb

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"writegate"
	"writegate/policy"
)

// wired is a database behind a [proxy], with a collection notes.
type wired struct {
	*home
	*proxy
	db     *DB
	schema writegate.Schema
}

func newWired(t *testing.T) *wired {
	t.Helper()
	h := newHome(t)
	address, err := url.Parse(h.dsn)
	if err != nil {
		t.Fatal(err)
	}
	w := &wired{home: h, proxy: newProxy(t, address.Host)}
	if _, err := h.app.Collection("notes").InsertOne(t.Context(), bson.D{{Key: "_id", Value: "seed"}, {Key: "n", Value: int64(0)}, {Key: "text", Value: "x"}}); err != nil {
		t.Fatal(err)
	}
	w.db = h.open(t, Config{DSN: w.dsn(h.app.Name()), Schema: h.own, OperationTimeout: 3 * time.Second})
	if w.schema, err = w.db.Schema(t.Context(), []writegate.TableRef{{Name: "notes"}}); err != nil {
		t.Fatalf("%v (cause: %v)", err, cause(err))
	}
	return w
}

func (w *wired) dsn(database string) string { return w.proxy.dsn(database) }

func (w *wired) insert(id string) writegate.Change {
	return writegate.Change{Verb: writegate.Insert, Table: w.schema["notes"], Key: id, Set: writegate.Row{"n": int64(1)}}
}

func (w *wired) write(t *testing.T, changes ...writegate.Change) error {
	t.Helper()
	return w.db.InTx(t.Context(), writegate.Caller{Subject: "u"}, func(tx writegate.Tx) error { return tx.Write(t.Context(), changes) })
}

func (w *wired) count(t *testing.T, id string) int64 {
	t.Helper()
	n, err := w.app.Collection("notes").CountDocuments(t.Context(), bson.D{{Key: "_id", Value: id}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCommit has commits fail in every way, and looks whether what is said of them is true.
func TestCommit(t *testing.T) {
	w := newWired(t)
	tests := []struct {
		name      string
		order     order
		times     int
		class     writegate.Class // 0 for no error
		committed bool
	}{
		{"a lost answer", order{lose: true, late: true}, 1, 0, true},
		{"lost answers", order{lose: true, late: true}, 5, 0, true},
		{"a lost command", order{lose: true}, 1, 0, true},
		{"lost commands", order{lose: true}, 5, 0, true},
		{"a new primary", failure(10107), 1, 0, true},
		{"a write concern that fails for a while", failure(64, labelUnknown), 4, 0, true},
		{"out of time", failure(50), 3, 0, true},
		{"nobody ever knows", failure(91, labelUnknown), -1, writegate.Retry, false},
		{"nobody ever answers", order{lose: true, late: true}, -1, writegate.Retry, true},
		{"an aborted transaction", failure(251, labelTransient), 1, writegate.Rerun, false},
		{"a conflict", failure(112, labelTransient), 1, writegate.Rerun, false},
		{"a conflict that is not said to be transient", failure(112), 1, writegate.Retry, false},
		{"too large", failure(257), 1, writegate.Retry, false},
		{"what nobody knows", failure(4242), 1, writegate.Operator, false},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := fmt.Sprint("c", i)
			w.times(tt.times, "commitTransaction", tt.order)
			err := w.write(t, w.insert(id))
			w.on(nil)
			var class writegate.Class
			if err != nil {
				class = writegate.AsError(err).Class
			}
			if class != tt.class {
				t.Errorf("class is %v (%v, cause: %v), want %v", class, err, cause(err), tt.class)
			}
			if there := w.count(t, id) == 1; there != tt.committed {
				t.Errorf("the row is there: %v, want %v", there, tt.committed)
			}
		})
	}
}

// TestTransient has every command of a transaction fail once.
func TestTransient(t *testing.T) {
	w := newWired(t)
	tests := []struct {
		command string
		order   order
		class   writegate.Class
		reason  string
	}{
		{"insert", order{lose: true}, writegate.Retry, ""},
		{"insert", order{lose: true, late: true}, writegate.Retry, ""},
		{"insert", failure(112, labelTransient), writegate.Rerun, ""},
		{"insert", failure(777, labelTransient), writegate.Rerun, ""},
		{"insert", failure(10107, labelTransient), writegate.Retry, ""},
		{"insert", failure(50), writegate.Retry, writegate.ReasonTimeout},
		{"insert", failure(13), writegate.Operator, ""},
		{"insert", failure(20), writegate.Operator, ""},
		{"find", failure(2), writegate.Operator, ""},
		{"find", failure(11000), writegate.Operator, ""},
		{"update", failure(251, labelTransient), writegate.Rerun, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.command, tt.order), func(t *testing.T) {
			w.once(tt.command, tt.order)
			defer w.on(nil)
			err := w.db.InTx(t.Context(), writegate.Caller{Subject: "u"}, func(tx writegate.Tx) error {
				_, err := tx.Load(t.Context(), []writegate.Read{{Table: w.schema["notes"], Keys: []any{"seed"}, Lock: writegate.ForUpdate}})
				if err != nil {
					return err
				}
				return tx.Write(t.Context(), []writegate.Change{w.insert("t")})
			})
			e := writegate.AsError(err)
			if e == nil || e.Class != tt.class || e.Reason != tt.reason {
				t.Errorf("it is %+v, want class %v, reason %q", e, tt.class, tt.reason)
			}
			if n := w.count(t, "t"); n != 0 {
				t.Errorf("the row is there %d times", n)
			}
		})
	}
}

// TestKilledInEveryCommand breaks the connection at each command of an upload in turn, before and after the server did
// it. What is told to be applied is there once; what is not can be sent again and is then there once.
func TestKilledInEveryCommand(t *testing.T) {
	w := newWired(t)
	pipe := writegate.NewPipeline(w.db, writegate.Options{})
	pol := policy.Permissive(w.schema)
	for _, late := range []bool{false, true} {
		for at := 0; ; at++ {
			id := fmt.Sprint("k", late, at)
			up := &writegate.Upload{ClientID: id, Transactions: []writegate.Transaction{{ID: 1, Ops: []writegate.Op{
				{Kind: writegate.Put, Table: "notes", ID: id, OpID: 1, Data: writegate.Row{"text": "x"}},
				{Kind: writegate.Patch, Table: "notes", ID: "seed", OpID: 2, Data: writegate.Row{"text": id}},
			}}}}
			n := -1
			w.on(func(name string, _ bson.D) order {
				if name == "hello" || name == "isMaster" || name == "endSessions" {
					return order{}
				}
				n++
				return order{lose: n == at, late: late && n == at}
			})
			caller := writegate.Caller{Subject: "u"}
			first, err := pipe.Apply(t.Context(), caller, pol, up)
			if err != nil {
				t.Fatal(err)
			}
			w.on(nil)
			if first.Transactions[0].Status == writegate.Applied && w.count(t, id) != 1 {
				t.Errorf("command %d (late %v): told applied, there %d times", at, late, w.count(t, id))
			}
			again, err := pipe.Apply(t.Context(), caller, pol, up)
			if err != nil {
				t.Fatal(err)
			}
			if again.Transactions[0].Status != writegate.Applied || w.count(t, id) != 1 {
				t.Errorf("command %d (late %v): sent again it is %s, there %d times", at, late, again.Transactions[0].Status, w.count(t, id))
			}
			runs, err := w.client.Database(w.own).Collection(ledgerName).CountDocuments(t.Context(), bson.D{{Key: "client", Value: id}})
			if err != nil || runs != 1 {
				t.Errorf("command %d (late %v): %d runs in the ledger, %v", at, late, runs, err)
			}
			if n < at {
				break
			}
		}
	}
}

// TestOpenRefuses has servers that are not what they should be.
func TestOpenRefuses(t *testing.T) {
	w := newWired(t)
	cfg := Config{DSN: w.dsn(w.app.Name()), Schema: w.own}
	t.Run("a standalone", func(t *testing.T) {
		w.tell(asStandalone)
		defer w.tell(nil)
		_, err := Open(t.Context(), cfg)
		if e := writegate.AsError(err); e == nil || e.Class != writegate.Operator {
			t.Fatalf("Open returned %v", err)
		}
	})
	t.Run("a server that pretends", func(t *testing.T) {
		w.on(func(name string, command bson.D) order {
			if name == "commitTransaction" || name == "abortTransaction" {
				return order{reply: bson.D{{Key: "ok", Value: 1.0}}}
			}
			return order{instead: without(command, "txnNumber", "startTransaction", "autocommit")}
		})
		defer w.on(nil)
		_, err := Open(t.Context(), cfg)
		if !errors.Is(err, errPretends) {
			t.Fatalf("Open returned %v (cause: %v)", err, cause(err))
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		_, err := Open(t.Context(), Config{DSN: "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=100"})
		if e := writegate.AsError(err); e == nil || e.Class != writegate.Retry {
			t.Fatalf("Open returned %v", err)
		}
	})
	for name, bad := range map[string]Config{
		"no address": {DSN: "mongodb://secret@"}, "another scheme": {DSN: "postgres://x"}, "a schema with a dot": {DSN: w.dsn(""), Schema: "a.b"},
		"another word": {DSN: w.dsn(""), Transactions: "maybe"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), bad)
			if e := writegate.AsError(err); e == nil || e.Class != writegate.Operator {
				t.Fatalf("Open returned %v", err)
			}
		})
	}
}

// TestConcerns looks at what the server is asked for, since not every server minds.
func TestConcerns(t *testing.T) {
	w := newWired(t)
	var first, commit string
	w.on(func(name string, command bson.D) order {
		for _, e := range command {
			switch {
			case e.Key == "startTransaction":
				first = fmt.Sprint(name, " ", valueOf(command, "readConcern"))
			case name == "commitTransaction" && e.Key == "writeConcern":
				commit = fmt.Sprint(e.Value)
			}
		}
		return order{}
	})
	if err := w.write(t, w.insert("a")); err != nil {
		t.Fatal(err)
	}
	_ = w.db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		_ = tx.Write(t.Context(), []writegate.Change{w.insert("b")})
		return errMessage
	})
	if !strings.HasPrefix(first, "insert ") || !strings.Contains(first, "snapshot") || !strings.Contains(commit, "majority") {
		t.Errorf("the transaction begins with %s and is committed with %s", first, commit)
	}
	if n := w.db.client.NumberSessionsInProgress(); n != 0 {
		t.Errorf("%d sessions are not ended", n)
	}
	if n := w.count(t, "b"); n != 0 {
		t.Error("what was rolled back is there")
	}
}

func valueOf(doc bson.D, name string) any {
	for _, e := range doc {
		if e.Key == name {
			return e.Value
		}
	}
	return nil
}

// TestLeftPart buries a letter of which somebody deleted the head and not the body.
func TestLeftPart(t *testing.T) {
	h := newHome(t)
	db := h.open(t, h.config())
	letter := writegate.DeadLetter{ID: "l", ClientID: "c", Subject: "u", OpIndex: -1, Code: writegate.InvalidData, Body: []byte(`{"n":1}`)}
	bury := func() error {
		return db.InTx(t.Context(), writegate.Caller{Subject: "u"}, func(tx writegate.Tx) error {
			return tx.Settle(t.Context(), writegate.Settlement{DeadLetters: []writegate.DeadLetter{letter}})
		})
	}
	if err := bury(); err != nil {
		t.Fatal(err)
	}
	own := h.client.Database(h.own)
	if _, err := own.Collection(lettersName).DeleteOne(t.Context(), bson.D{{Key: "_id", Value: "l"}}); err != nil {
		t.Fatal(err)
	}
	if err := bury(); err != nil {
		t.Fatalf("%v (cause: %v)", err, cause(err))
	}
	if n, err := own.Collection(partsName).CountDocuments(t.Context(), bson.D{{Key: "letter", Value: "l"}}); n != 1 || err != nil {
		t.Errorf("%d parts, %v", n, err)
	}
}

// TestGivenUp tells a transaction that the server gave up after long work from one that met another at once.
func TestGivenUp(t *testing.T) {
	session := &mongo.Session{}
	for _, tt := range []struct {
		age    time.Duration
		class  writegate.Class
		reason string
	}{
		{time.Second, writegate.Rerun, ""},
		{2 * longLife, writegate.Retry, writegate.ReasonTimeout},
	} {
		aged := &tx{session: session, begun: time.Now().Add(-tt.age)}
		if e := writegate.AsError(aged.judge(native(251), false)); e.Class != tt.class || e.Reason != tt.reason {
			t.Errorf("after %s: %s, %q", tt.age, e.Class, e.Reason)
		}
	}
}
