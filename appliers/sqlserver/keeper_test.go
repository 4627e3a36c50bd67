package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// keeping answers what operators ask, by a text in the request, and the rest as a shop does.
func keeping(t *testing.T, answers map[string]reply) (*DB, *peer) {
	t.Helper()
	w := shop()
	p := newPeer(t, func(r request) reply {
		for text, a := range answers {
			if strings.Contains(r.text, text) {
				return a
			}
		}
		return w.answer(r)
	})
	db := opened(t, p)
	p.requests()
	return db, p
}

func answer(sets ...resultSet) reply { return reply{sets: sets} }

var kept = time.Date(2020, 8, 21, 14, 29, 30, 123456000, time.UTC)

func TestGoldenKeeper(t *testing.T) {
	letterRow := []any{"x", "d1", "u1", 7, 2, 3, -1, "INVALID_DATA", "r", "it's", "todos", "rank", "p1", kept, `{"sub":"u1"}`, 2, kept.Add(time.Hour), "retried", "ann", "n", kept.Add(2 * time.Hour)}
	open := []any{"y", "d1", "u1", 7, 2, 3, 0, "INVALID_DATA", "", "", "", "", "", kept, "", 1, kept, "open", "", "", nil}
	db, p := keeping(t, map[string]reply{
		"DECLARE @got":                           answer(result("i", []any{1})),
		"[writegate_clients]" + asItIs:           answer(result("nitt", []any{"u1", 9, kept, kept}), result("niitv", []any{"u1", 1, 3, kept, []byte{1}})),
		"[writegate_refusals]" + passLocked:      answer(result("ivnibnnnnnnt", []any{2, make([]byte, 16), "u1", 7, false, "C", "r", "m", "t", "c", "p1", kept})),
		"COALESCE([claims]":                      answer(result("nnniiiinnnnnntnitnnnt", letterRow, open), result("v", []any{[]byte("ab")}, []any{[]byte("c")})),
		"SET [state]":                            answer(result("i", []any{1})),
		"ORDER BY [since]":                       answer(result("nnttinnn", []any{"d1", "u1", kept, kept, 3, "C", "r", "t"})),
		"DELETE TOP":                             answer(result("i", []any{4})),
		"[writegate_blocked] WITH (ROWLOCK) SET": {},
	})
	ctx := t.Context()
	var heard []request
	for _, step := range []struct {
		want any
		do   func() (any, error)
	}{
		{true, func() (any, error) { return db.Lease(ctx, "it's", "h", 1500*time.Millisecond) }},
		{
			writegate.History{
				Known: true, Subject: "u1", LastOp: 9, FirstSeen: kept, LastSeen: kept,
				Runs:     []writegate.Run{{ClientID: "d1", Subject: "u1", FirstOp: 1, LastOp: 3, SettledAt: kept, Ops: []byte{1}}},
				Refusals: []writegate.Refusal{{ClientID: "d1", Subject: "u1", OpID: 2, TxID: 7, Code: "C", Reason: "r", Message: "m", Table: "t", Column: "c", Revision: "p1", At: kept}},
			}, func() (any, error) { return db.History(ctx, "d1", 0, 10) },
		},
		{2, func() (any, error) {
			all, err := db.Letters(ctx, writegate.LetterQuery{}, 10)
			return len(all), err
		}},
		{[]writegate.LetterState{writegate.LetterRetried, writegate.LetterOpen}, func() (any, error) {
			all, err := db.Letters(ctx, writegate.LetterQuery{
				State: writegate.LetterOpen, ClientID: "d1", Subject: "u1", Table: "todos", Code: "C", Reason: "r", From: kept, To: kept.Add(time.Hour), AfterAt: kept, AfterID: "x",
			}, 10)
			var states []writegate.LetterState
			for _, l := range all {
				states = append(states, l.State)
			}
			return states, err
		}},
		{
			&writegate.StoredLetter{
				DeadLetter: writegate.DeadLetter{
					ID: "x", ClientID: "d1", Subject: "u1", TxID: 7, FirstOp: 2, LastOp: 3, OpIndex: -1, Code: writegate.InvalidData, Reason: "r", Message: "it's", Table: "todos", Column: "rank", Revision: "p1",
					At: kept, Claims: `{"sub":"u1"}`, Body: []byte("abc"),
				},
				Seen: 2, LastSeen: kept.Add(time.Hour), State: writegate.LetterRetried, ClosedBy: "ann", Note: "n", ClosedAt: kept.Add(2 * time.Hour),
			}, func() (any, error) { return db.Letter(ctx, "x") },
		},
		{true, func() (any, error) {
			return db.CloseLetter(ctx, writegate.Closing{ID: "x", State: writegate.LetterDiscarded, By: "ann", Note: "it's", At: kept})
		}},
		{nil, func() (any, error) {
			return nil, db.Block(ctx, []writegate.Blocked{{ClientID: "d1", Subject: "u1", Since: kept, LastTry: kept, Tries: 3, Code: "C", Reason: "r", Table: "t"}, {ClientID: "d0", Since: kept, LastTry: kept, Tries: 1, Code: "C"}})
		}},
		{
			[]writegate.Blocked{{ClientID: "d1", Subject: "u1", Since: kept, LastTry: kept, Tries: 3, Code: "C", Reason: "r", Table: "t"}},
			func() (any, error) { return db.Blocked(ctx, 10) },
		},
		{nil, func() (any, error) { return nil, db.Unblock(ctx, []string{"d1", "d0"}) }},
		{writegate.Pruned{Runs: 4, Refusals: 4, Links: 4, Clients: 4, Letters: 4, Blocked: 4}, func() (any, error) {
			return db.Prune(ctx, writegate.Expiry{Ledger: kept, Letters: kept, Blocked: kept}, 7)
		}},
		{writegate.Pruned{}, func() (any, error) { return db.Prune(ctx, writegate.Expiry{}, 7) }},
	} {
		got, err := step.do()
		if diff := cmp.Diff(step.want, got); err != nil || diff != "" {
			t.Errorf("%v (cause: %v) (-want +got):\n%s", err, errors.Unwrap(err), diff)
		}
		heard = append(heard, p.requests()...)
	}
	golden(t, "keeper", heard)
}

// TestSettleLetters ends letters, and bounds those of a subject.
func TestSettleLetters(t *testing.T) {
	var was, count atomic.Int64
	was.Store(1)
	w := shop()
	p := newPeer(t, func(r request) reply {
		if !strings.Contains(r.text, "@fresh") {
			return w.answer(r)
		}
		return answer(result("i", []any{int(was.Load())}), result("i", []any{1}), result("i", []any{int(count.Load())}))
	})
	db := opened(t, p)
	settle := func() error {
		return db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			letter := writegate.DeadLetter{ID: "x", ClientID: "d1", Subject: "u1", Code: writegate.InvalidData, At: kept, Claims: "{}"}
			other := letter
			other.ID = "z"
			return tx.Settle(t.Context(), writegate.Settlement{
				DeadLetters: []writegate.DeadLetter{letter, other}, MostLetters: 3, Closed: []writegate.Closing{{ID: "y", State: writegate.LetterRetried, By: "ann", At: kept}},
			})
		})
	}
	p.requests()
	for _, tt := range []struct {
		was, count int64
		reason     string
		class      writegate.Class
	}{
		{1, 3, "", 0}, {1, 4, writegate.ReasonLettersFull, writegate.Operator}, {0, 0, writegate.ReasonLetterClosed, writegate.Refused},
	} {
		was.Store(tt.was)
		count.Store(tt.count)
		err := settle()
		if tt.reason == "" {
			if err != nil {
				t.Errorf("%v (cause: %v)", err, errors.Unwrap(err))
			}
			golden(t, "letters", p.requests())
			continue
		}
		if e := writegate.AsError(err); e == nil || e.Reason != tt.reason || e.Class != tt.class {
			t.Errorf("with %d letters: %v, want %s", tt.count, err, tt.reason)
		}
		if heard := p.requests(); !strings.Contains(heard[len(heard)-1].text, "ROLLBACK") {
			t.Errorf("the last request is %s", heard[len(heard)-1].text)
		}
	}
}

// TestOlderLetters keeps letters where an older version made the tables, and all of them as soon as somebody has made the rest.
func TestOlderLetters(t *testing.T) {
	w := shop()
	w.change(func() {
		w.own = letterTables - 1
		w.fail["CREATE TABLE"] = reply{errors: []failure{{number: 262, severity: 14, message: "CREATE TABLE permission denied in database 'shop'."}}, begins: 10}
	})
	p := newPeer(t, w.answer)
	_ = opened(t, p)
	w.change(func() {
		w.fail["CREATE TABLE"] = reply{errors: []failure{{number: numberLockTimeout, severity: 16, message: "Lock request time out period exceeded."}}, begins: 10}
	})
	db := opened(t, p)
	for _, own := range []int{letterTables - 1, letterTables, len(ownTables)} {
		w.change(func() { w.own = own })
		if err := db.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.requests()
		err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			return tx.Settle(t.Context(), writegate.Settlement{DeadLetters: []writegate.DeadLetter{{ID: "x", ClientID: "d1", Subject: "u1", At: kept, Claims: "{}"}}})
		})
		if err != nil {
			t.Error(err)
		}
		full := own >= letterTables
		for _, r := range p.requests() {
			check(t, r)
			if strings.Contains(r.text, "INSERT INTO [writegate].[writegate_dead_letters]") && strings.Contains(r.text, "[claims]") != full {
				t.Errorf("with %d tables of %d: %s", own, len(ownTables), r.text)
			}
		}
	}
}

// TestKeeperTriesAgain meets somebody who makes the same row, a deadlock, and what is no reason to try again.
func TestKeeperTriesAgain(t *testing.T) {
	for _, tt := range []struct {
		number int32
		times  int32
		want   writegate.Class
		asked  int32
	}{
		{numberDuplicate, 1, 0, 2},
		{1205, 2, 0, 3},
		{numberDuplicate, 100, writegate.Retry, keepTries},
		{1205, 100, writegate.Rerun, keepTries},
		{229, 100, writegate.Operator, 1},
		{numberLockTimeout, 100, writegate.Retry, 1},
	} {
		t.Run(fmt.Sprint(tt.number, "x", tt.times), func(t *testing.T) {
			var asked atomic.Int32
			w := shop()
			p := newPeer(t, func(r request) reply {
				if !strings.Contains(r.text, "[writegate_leases]") {
					return w.answer(r)
				}
				if asked.Add(1) <= tt.times {
					return reply{errors: []failure{{number: int(tt.number), severity: 14, message: "Cannot insert duplicate key row in object 'writegate.writegate_leases' with unique index 'x'."}}}
				}
				return answer(result("i", []any{1}))
			})
			w.change(func() { w.own = len(ownTables) })
			got, err := opened(t, p).Lease(t.Context(), "l", "h", time.Minute)
			switch e := writegate.AsError(err); {
			case tt.want == 0 && (!got || err != nil), tt.want != 0 && (got || e == nil || e.Class != tt.want):
				t.Errorf("%v, %v", got, err)
			}
			if n := asked.Load(); n != tt.asked {
				t.Errorf("it was asked %d times, want %d", n, tt.asked)
			}
		})
	}
}

func TestKeeperWithoutTables(t *testing.T) {
	p := newPeer(t, shop().answer)
	db := opened(t, p, func(cfg *Config) { cfg.NoOwnTables = true })
	for name, try := range map[string]func(ctx context.Context) error{
		"Lease":   func(ctx context.Context) error { _, err := db.Lease(ctx, "l", "h", time.Minute); return err },
		"Prune":   func(ctx context.Context) error { _, err := db.Prune(ctx, writegate.Expiry{}, 1); return err },
		"Letter":  func(ctx context.Context) error { _, err := db.Letter(ctx, "a"); return err },
		"Blocked": func(ctx context.Context) error { _, err := db.Blocked(ctx, 1); return err },
	} {
		if err := try(t.Context()); !errors.Is(err, errNoOwnTables) || writegate.AsError(err).Class != writegate.Operator {
			t.Errorf("%s: %v", name, err)
		}
	}
}
