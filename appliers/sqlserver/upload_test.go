package sqlserver

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"writegate"
	"writegate/policy"
)

// TestUpload holds the conversation of one upload to a file: a row is created, one is changed and one removed, and
// one operation is refused, all in five round trips.
func TestUpload(t *testing.T) {
	w := shop()
	w.change(func() {
		w.rows = []rowsOf{{"[app].[todos]", result("ngin", []any{"t2", listID, 1, "x"}, []any{"t3", nil, nil, nil})}}
	})
	p := newPeer(t, w.answer)
	db := opened(t, p)
	schema := schemaOf(t, db, shopRefs[:2]...)
	p.requests()
	pipeline := writegate.NewPipeline(db, writegate.Options{Now: func() time.Time { return time.Date(2020, 8, 21, 14, 29, 30, 0, time.UTC) }})
	op := func(id int64, kind writegate.Kind, table, row string, data writegate.Row) writegate.Op {
		return writegate.Op{Kind: kind, Table: table, ID: row, OpID: id, Data: data}
	}
	up := &writegate.Upload{ClientID: "d1", Transactions: []writegate.Transaction{
		{ID: 7, Ops: []writegate.Op{
			op(21, writegate.Put, "todos", "t1", writegate.Row{"list_id": strings.ToUpper(listID), "title": "it's new", "rank": json.Number("1")}),
			op(22, writegate.Patch, "todos", "t2", writegate.Row{"title": nil}),
		}},
		{ID: 8, Ops: []writegate.Op{op(23, writegate.Patch, "lists", listID, writegate.Row{"name": strings.Repeat("x", 101)})}},
		{ID: 9, Ops: []writegate.Op{op(24, writegate.Delete, "todos", "t3", nil)}},
	}}
	res, err := pipeline.Apply(t.Context(), someone, policy.Permissive(schema), up)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []writegate.Status{writegate.Applied, writegate.Rejected, writegate.Applied} {
		if tx := res.Transactions[i]; tx.Status != want {
			t.Errorf("transaction %d is %v: %v", i, tx.Status, tx.Err)
		}
	}
	heard := p.requests()
	if len(heard) != 5 {
		t.Errorf("%d round trips", len(heard))
	}
	for i := range heard { // the revision is a hash of the schema
		for j, param := range heard[i].params {
			if param == res.Revision {
				heard[i].params[j] = "(the revision)"
			}
		}
	}
	golden(t, "upload", heard)
}

// TestUploadIsRetried has a deadlock, a lost connection and a failover on the way, and a commit that nobody knows the
// end of.
func TestUploadIsRetried(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		broken reply
		times  int
		want   writegate.Status
	}{
		"deadlock":            {"INSERT INTO [app]", reply{errors: []failure{{number: 1205, severity: 13, message: "m"}}, begins: 10}, 2, writegate.Applied},
		"a lost connection":   {"INSERT INTO [app]", reply{drop: true}, 1, writegate.Applied},
		"a failover":          {"INSERT INTO [app]", reply{errors: []failure{{number: 40197, severity: 20, message: "m"}}, fatal: true}, 1, writegate.Applied},
		"a snapshot":          {"INSERT INTO [app]", reply{errors: []failure{{number: 3960, message: "m"}}, begins: 10}, 1, writegate.Applied},
		"read-only":           {"INSERT INTO [app]", reply{errors: []failure{{number: 3906, message: "m"}}, begins: 10}, 1000, writegate.Held},
		"a full log":          {"INSERT INTO [app]", reply{errors: []failure{{number: 9002, severity: 17, message: "m"}}, begins: 10}, 1000, writegate.Held},
		"a missing grant":     {"INSERT INTO [app]", reply{errors: []failure{{number: 229, severity: 14, message: "m"}}, begins: 10}, 1000, writegate.Held},
		"an unknown commit":   {"COMMIT TRANSACTION", reply{drop: true}, 1000, writegate.Held},
		"a trigger's refusal": {"INSERT INTO [app]", reply{errors: []failure{{number: 50000, message: "m", procedure: "guard"}, {number: 3609, message: "m"}}, begins: 10}, 1000, writegate.Rejected},
		"a race":              {"INSERT INTO [app]", reply{errors: []failure{{number: 2627, message: duplicateKey}}, begins: 10}, 1, writegate.Applied},
	} {
		t.Run(name, func(t *testing.T) {
			w := shop()
			w.change(func() { w.rows = []rowsOf{{"[app].[todos]", result("n")}} })
			w.change(func() { w.fail["COALESCE(SUM("] = reply{sets: []resultSet{result("ii", []any{1, 1})}} })
			var left atomic.Int64
			left.Store(int64(c.times))
			p := newPeer(t, func(r request) reply {
				if strings.Contains(r.text, c.text) && left.Add(-1) >= 0 {
					return c.broken
				}
				return w.answer(r)
			})
			db := opened(t, p)
			schema := schemaOf(t, db, shopRefs[1])
			up := &writegate.Upload{ClientID: "d1", Transactions: []writegate.Transaction{{ID: 1, Ops: []writegate.Op{{Kind: writegate.Put, Table: "todos", ID: "t1", OpID: 1, Data: writegate.Row{"title": "x"}}}}}}
			res, err := writegate.NewPipeline(db, writegate.Options{}).Apply(t.Context(), someone, policy.Permissive(schema), up)
			if err != nil || res.Transactions[0].Status != c.want {
				t.Errorf("%v, %v", res.Transactions[0], err)
			}
		})
	}
}
