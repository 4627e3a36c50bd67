package acceptance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"writegate"
	"writegate/server/dialect"
)

var todoTables = []string{
	`create table lists (id {text} primary key, name {text} not null, owner_id {text} not null, place {int} unique)`,
	`create table todos (id {text} primary key, list_id {text} not null references lists (id), description {text}, completed {bool} not null default false, owner_id {text} not null)`,
}

const todoPolicy = `policy: 1
claims:
  sub: {path: sub, type: text, required: true}
tables:
  lists:
    immutable: [id]
    rules:
      - {name: owner, ops: [create, update, delete], row: row.owner_id == claims.sub, columns: [name, owner_id, place]}
  todos:
    immutable: [id, list_id]
    rules:
      - {name: owner, ops: [create, update, delete], row: row.owner_id == claims.sub, columns: [list_id, description, completed, owner_id]}
`

type entry = map[string]any

// transactions makes n client transactions of four operations each: a list, two todos in it, and a change.
func transactions(prefix string, n int, firstOp int) []entry {
	var txs []entry
	op := firstOp
	for i := range n {
		list, todo := fmt.Sprintf("%s-l%d", prefix, i), fmt.Sprintf("%s-t%d", prefix, i)
		crud := []entry{
			{"op": "PUT", "table": "lists", "id": list, "op_data": entry{"name": "list", "owner_id": "u1", "place": firstOp + i}},
			{"op": "PUT", "table": "todos", "id": todo, "op_data": entry{"list_id": list, "description": "first", "owner_id": "u1"}},
			{"op": "PUT", "table": "todos", "id": todo + "b", "op_data": entry{"list_id": list, "description": "second", "owner_id": "u1"}},
			{"op": "PATCH", "table": "todos", "id": todo, "op_data": entry{"completed": 1}},
		}
		for _, e := range crud {
			e["op_id"] = op
			op++
		}
		txs = append(txs, entry{"transaction_id": firstOp + i, "crud": crud})
	}
	return txs
}

// TestRoundTrips counts at the wire what one upload costs in round trips, with warm statements.
func TestRoundTrips(t *testing.T) {
	w, s := openThroughWire(t, todoTables)
	s.use(todoPolicy)
	count := func(body entry) int64 {
		t.Helper()
		before := w.trips.Load()
		res, _ := s.send("u1", body)
		for i, tx := range res.Transactions {
			if tx.Status != writegate.Applied {
				t.Fatalf("transaction %d: %s %v %v", i, tx.Status, tx.Err, res.Err)
			}
		}
		return w.trips.Load() - before
	}
	many := func(prefix string, firstOp int) entry {
		var crud []entry
		for i := range 500 {
			crud = append(crud, entry{"op": "PUT", "type": "lists", "id": fmt.Sprintf("%s-%d", prefix, i), "op_id": firstOp + i, "tx_id": 1, "data": entry{"name": "n", "owner_id": "u1"}})
		}
		return entry{"client_id": "d1", "crud": crud}
	}
	var mixed, single int64
	for round := range 3 { // the first ones prepare statements
		mixed = count(entry{"client_id": "d1", "transactions": transactions(fmt.Sprintf("m%d", round), 50, 1+10_000*round)})
		single = count(many(fmt.Sprintf("s%d", round), 5001+10_000*round))
	}
	t.Logf("50 transactions of 4 operations: %d round trips; 500 operations of one table: %d", mixed, single)
	if mixed > 8 {
		t.Errorf("50 transactions of 4 operations took %d round trips, want at most 8", mixed)
	}
	if single != mixed {
		t.Errorf("500 operations of one table took %d round trips, 50 transactions of 4 took %d; want the same", single, mixed)
	}
}

// TestResume breaks the process off in the middle of a large upload, by a panic that nobody recovers from in
// the pipeline, and sends it again: the settled chunks answer from the ledger, the rest goes on.
func TestResume(t *testing.T) {
	eachEngine(t, todoTables, func(t *testing.T, _ engine, s *stage) {
		s.use(todoPolicy)
		body := entry{"client_id": "d1", "transactions": transactions("r", 1250, 1)}
		commits := 0
		type killed struct{}
		s.pipeline = writegate.NewPipeline(s.applier, writegate.Options{OnStage: func(stage string) {
			if stage != writegate.StageCommitted {
				return
			}
			if commits++; commits == 3 {
				panic(killed{})
			}
		}})
		func() {
			defer func() {
				if v := recover(); v != (killed{}) {
					t.Errorf("recovered %v", v)
				}
			}()
			s.send("u1", body)
		}()
		s.pipeline = writegate.NewPipeline(s.applier, writegate.Options{})
		res, reply := s.send("u1", body)
		if reply.Status != 200 || res.Replayed != 3000 || res.Chunks != 5 {
			t.Errorf("status %d, %d operations replayed, %d chunks; want 200, 3000, 5", reply.Status, res.Replayed, res.Chunks)
		}
		for i, tx := range res.Transactions {
			if tx.Status != writegate.Applied {
				t.Fatalf("transaction %d is %s: %v", i, tx.Status, tx.Err)
			}
		}
		if got := s.rows("select count(*) from todos where id like 'r-%'"); got[0] != "2500" {
			t.Errorf("%s todos, want 2500", got[0])
		}
	})
}

// TestBadOperationInTheMiddle has one operation of two hundred refused, by the policy or by a constraint.
func TestBadOperationInTheMiddle(t *testing.T) {
	bad := map[string]struct {
		spoil func(tx entry)
		want  string
	}{
		"unique": {func(tx entry) { crud(tx)[0]["op_data"].(entry)["place"] = -1 }, `{"error_code":"UNIQUE_VIOLATION","operation_index":0,"table":"lists","column":"place"}`},
		"foreign key": {
			func(tx entry) { crud(tx)[2]["op_data"].(entry)["list_id"] = "nowhere" },
			`{"error_code":"FOREIGN_KEY_VIOLATION","operation_index":2,"table":"todos","column":"list_id"}`,
		},
		"not null":     {func(tx entry) { delete(crud(tx)[0]["op_data"].(entry), "name") }, `{"error_code":"NOT_NULL_VIOLATION","operation_index":0,"table":"lists","column":"name"}`},
		"bad value":    {func(tx entry) { crud(tx)[3]["op_data"].(entry)["completed"] = "perhaps" }, `{"error_code":"INVALID_DATA","operation_index":3,"table":"todos","column":"completed"}`},
		"other's row":  {func(tx entry) { crud(tx)[1]["op_data"].(entry)["owner_id"] = "u2" }, `{"error_code":"UNAUTHORIZED","operation_index":1,"table":"todos","column":""}`},
		"no such name": {func(tx entry) { crud(tx)[1]["op_data"].(entry)["colour"] = "red" }, `{"error_code":"SCHEMA_MISMATCH","operation_index":1,"table":"todos","column":""}`},
	}
	for name, tt := range bad {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, todoTables, func(t *testing.T, e engine, s *stage) {
				s.use(todoPolicy)
				s.send("u1", entry{"client_id": "d0", "crud": []entry{{"op": "PUT", "type": "lists", "id": "taken", "op_id": 1, "data": entry{"name": "n", "owner_id": "u1", "place": -1}}}})
				for _, stop := range []bool{true, false} {
					txs := transactions(fmt.Sprintf("x%v", stop), 50, 1)
					if !stop {
						txs = transactions(fmt.Sprintf("x%v", stop), 50, 1000)
					}
					tt.spoil(txs[25])
					checkMiddle(t, s, entry{"client_id": "d1", "transactions": txs}, stop, tt.want)
				}
			})
		})
	}
}

func crud(tx entry) []entry { return tx["crud"].([]entry) }

func checkMiddle(t *testing.T, s *stage, body entry, stop bool, want string) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := dialect.Decode("POST", "application/json", text, dialect.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	req.Upload.StopOnRefusal = stop
	res, err := s.pipeline.Apply(t.Context(), writegate.Caller{Subject: "u1", Claims: map[string]any{"sub": "u1"}}, s.policy, req.Upload)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := json.Marshal(dialect.Answer(req, res).Body)
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Results []struct {
			Status string `json:"status"`
			Failed *struct {
				Code    string `json:"error_code"`
				Message string `json:"message"`
				Index   *int   `json:"operation_index"`
				Details struct{ Table, Column string }
			} `json:"failed_operation"`
		} `json:"results"`
	}
	if err := json.Unmarshal(answer, &parsed); err != nil {
		t.Fatal(err)
	}
	for i, r := range parsed.Results {
		status := "success"
		switch {
		case i == 25:
			status = "fatal_error"
		case i > 25 && stop:
			status = "not_attempted"
		}
		if r.Status != status {
			t.Errorf("stop %v: transaction %d is %s, want %s", stop, i, r.Status, status)
		}
	}
	f := parsed.Results[25].Failed
	if f == nil || f.Index == nil {
		t.Fatalf("no failed operation, or no index: %s", answer)
	}
	got := fmt.Sprintf(`{"error_code":%q,"operation_index":%d,"table":%q,"column":%q}`, f.Code, *f.Index, f.Details.Table, f.Details.Column)
	if got != want {
		t.Errorf("stop %v: refused with %s, want %s; %s", stop, got, want, f.Message)
	}
	if f.Code != "UNAUTHORIZED" && (!strings.Contains(f.Message, f.Details.Table) || !strings.Contains(f.Message, f.Details.Column)) {
		t.Errorf("the message does not name table and column: %s", f.Message)
	}
	for _, leak := range []string{"SQLSTATE", "constraint", "violates", "nowhere", "sqlite", "_key", "pg"} {
		if strings.Contains(strings.ToLower(f.Message), leak) {
			t.Errorf("the message carries %q: %s", leak, f.Message)
		}
	}
}
