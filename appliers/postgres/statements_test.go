package postgres

import (
	"fmt"
	"testing"

	"writegate"
	"writegate/policy"
)

const statementRules = `policy: 1
name: statements
claims:
  sub: {type: text, required: true}
lookups:
  list_of: {table: lists, args: {id: text}, where: {id: $id}, select: [org_id], lock: share}
  member: {table: members, args: {org: text}, where: {org_id: $org, user_id: $claims.sub, left_at: null}, select: [role], lock: share}
  todos_of: {table: todos, args: {list: text}, where: {list_id: $list}, count: {limit: 100}}
tables:
  todos:
    rules:
      - {name: plain, ops: [create, update], row: row.list_id == "plain", columns: [list_id, note]}
      - name: one lookup
        ops: [create, update]
        row: row.list_id.startsWith("one") && list_of(row.list_id).hasValue()
        columns: [list_id, note]
      - name: depth of two
        ops: [create, update]
        row: row.list_id.startsWith("two") && member(list_of(row.list_id).?org_id.orValue("")).?role.orValue("") == "editor"
        columns: [list_id, note]
      - name: counted
        ops: [create, update]
        row: row.list_id.startsWith("few") && list_of(row.list_id).hasValue() && todos_of(row.list_id) < 50
        columns: [list_id, note]
`

// TestStatements uploads more and more operations: the database is sent as many statements for a thousand as for one,
// one for each table and each lookup of a depth.
func TestStatements(t *testing.T) {
	dsn := database(t, `create table lists (id text primary key, org_id text not null);
		create table members (id text primary key, org_id text not null, user_id text not null, role text not null, left_at timestamptz, unique (org_id, user_id));
		create table todos (id text primary key, list_id text not null, note text); create index on todos (list_id)`,
		"insert into lists select k || n, 'org' || n % 7 from generate_series(1, 1000) n cross join unnest(array['one', 'two', 'few']) k",
		"insert into members select n, 'org' || n, 'u1', 'editor' from generate_series(0, 6) n")
	db := open(t, Config{DSN: dsn, MaxConns: 1})
	sent := counted(t, db)
	source, err := policy.Parse("policy.yaml", []byte(statementRules))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := db.Schema(t.Context(), source.Tables())
	if err != nil {
		t.Fatal(err)
	}
	rules, err := source.Bind(schema)
	if err != nil {
		t.Fatal(err)
	}
	pipeline := writegate.NewPipeline(db, writegate.Options{})
	var op int64
	upload := func(kind writegate.Kind, list func(i int) string, ops int) int64 {
		t.Helper()
		up := &writegate.Upload{ClientID: "d1"}
		for i := range ops {
			op++
			data := writegate.Row{"list_id": list(i), "note": fmt.Sprint(op)}
			one := writegate.Op{Kind: kind, Table: "todos", ID: list(i) + fmt.Sprint("-", ops, "-", i), OpID: op, Data: data}
			up.Transactions = append(up.Transactions, writegate.Transaction{ID: op, Ops: []writegate.Op{one}})
		}
		before := sent.statements.Load()
		res, err := pipeline.Apply(t.Context(), someone, rules, up)
		if err != nil || res.Err != nil {
			t.Fatal(err, res.Err)
		}
		for i, tx := range res.Transactions {
			if tx.Status != writegate.Applied {
				t.Fatalf("operation %d of %d is %s: %v", i, ops, tx.Status, tx.Err)
			}
		}
		return sent.statements.Load() - before
	}
	numbered := func(kind string) func(int) string {
		return func(i int) string { return fmt.Sprint(kind, i+1) }
	}
	for _, kind := range []writegate.Kind{writegate.Put, writegate.Patch} { // the rows are there the second time
		fixed := upload(kind, func(int) string { return "plain" }, 1)
		const round = 2 // what is set for lookups, and reset after them
		for _, c := range []struct {
			kind string
			want int64
		}{
			{"one", fixed + round + 1}, {"two", fixed + 2*(round+1)}, {"few", fixed + round + 2},
		} {
			for _, ops := range []int{1, 10, 1000} {
				if got := upload(kind, numbered(c.kind), ops); got != c.want {
					t.Errorf("%s %s: %d statements for %d operations, want %d", kind, c.kind, got, ops, c.want)
				}
			}
		}
		t.Logf("%s: %d statements without lookups", kind, fixed)
	}
}
