package applierstest

import (
	"fmt"
	"testing"

	"writegate"
	"writegate/policy"
)

// pitfallCases are the mistakes that systems like this one have made and that no script can show. The others are
// scripts in testdata/pitfalls, by the same numbers.
var pitfallCases = []testCase{
	{name: "p15_decided_on_rows_of_now", run: func(t *testing.T, s *suite) {
		r := s.race(t)
		r.use(`
policy: 1
engine: {patch_missing: reject}
tables:
  notes:
    rules:
      - {name: close, ops: [update], using: old.body == "open" && old.n == 0, check: new.body == "closed" && new.n == 0, columns: [body]}
      - {name: count, ops: [update], using: old.body == "open" && old.n == 0, check: new.body == "open" && new.n == 1, columns: [n]}
`)
		r.rounds(func(round int) {
			id := fmt.Sprint(round)
			r.db.no(r.db.write(r.db.insert("notes", id, writegate.Row{"body": "open", "n": "0"})))
			got := r.both([2]writegate.Op{
				{Kind: writegate.Patch, Table: "notes", ID: id, Data: writegate.Row{"body": "closed"}},
				{Kind: writegate.Patch, Table: "notes", ID: id, Data: writegate.Row{"n": "1"}},
			})
			if (got[0].Status == writegate.Applied) == (got[1].Status == writegate.Applied) {
				t.Errorf("round %d: each of two changes excludes the other, and they are told %s and %s", round, got[0].Status, got[1].Status)
			}
			r.count(fmt.Sprintf("close %s", got[0].Status))
		})
	}},
	{name: "p20_lookups_are_batched", run: func(t *testing.T, s *suite) {
		const ops = 1000
		d := s.open(t, TableDef{Name: "lists", Columns: []ColumnDef{{Name: "owner", Type: writegate.Text}}}, TableDef{Name: "todos", Columns: []ColumnDef{{Name: "list_id", Type: writegate.Text}}})
		pol := d.policy(t, `
policy: 1
claims: {sub: {type: text, required: true}}
lookups:
  list_of: {table: lists, args: {id: text}, where: {id: $id}, select: [owner]}
tables:
  lists: {}
  todos:
    rules:
      - {name: owner, ops: [create, update], row: list_of(row.list_id).?owner == optional.of(claims.sub), columns: [list_id]}
`)
		up := &writegate.Upload{ClientID: "d1"}
		for i := range ops {
			id := fmt.Sprintf("l%04d", i)
			d.no(d.write(d.insert("lists", id, writegate.Row{"owner": "ann"})))
			up.Transactions = append(up.Transactions, writegate.Transaction{ID: int64(i + 1), Ops: []writegate.Op{
				{Kind: writegate.Put, Table: "todos", ID: fmt.Sprint(i), OpID: int64(i + 1), Data: writegate.Row{"list_id": id}},
			}})
		}
		l := &listening{Applier: d.Applier}
		res, err := writegate.NewPipeline(l, writegate.Options{}).Apply(t.Context(), writegate.Caller{Subject: "ann"}, pol, up)
		d.no(err)
		for i := range res.Transactions {
			if tx := &res.Transactions[i]; tx.Status != writegate.Applied {
				t.Fatalf("operation %d is %s: %v", i, tx.Status, tx.Err)
			}
		}
		if got, want := l.heard(), "load:1 find:1 write:1000 settle:0:0"; got != want {
			t.Errorf("the database was asked %s, want %s", got, want)
		}
	}},
	{name: "p21_claims_are_looked_at_once", run: func(t *testing.T, s *suite) {
		d := s.open(t, TableDef{Name: "items", Columns: []ColumnDef{{Name: "n", Type: writegate.Int}}})
		pol := d.policy(t, `
policy: 1
claims: {groups: {type: "text[]", default: []}}
lookups:
  one: {table: items, args: {id: text}, where: {id: $id}, select: [n]}
roles: {staff: '"staff" in claims.groups'}
tables:
  items:
    rules:
      - {name: staff, to: [staff], ops: [create, update], row: one("first").hasValue() == false && row.n >= 0, columns: [n]}
`)
		up := &writegate.Upload{ClientID: "d1"}
		for i := range 100 {
			up.Transactions = append(up.Transactions, writegate.Transaction{ID: int64(i + 1), Ops: []writegate.Op{
				{Kind: writegate.Put, Table: "items", ID: fmt.Sprint(i), OpID: int64(i + 1), Data: writegate.Row{"n": "1"}},
			}})
		}
		l := &listening{Applier: d.Applier}
		caller := writegate.Caller{Subject: "ann", Claims: map[string]any{"groups": []any{"staff"}}}
		res, err := writegate.NewPipeline(l, writegate.Options{}).Apply(t.Context(), caller, pol, up)
		d.no(err)
		if tx := res.Transactions[99]; tx.Status != writegate.Applied {
			t.Errorf("the last operation is %s: %v", tx.Status, tx.Err)
		}
		if got, want := l.heard(), "load:1 find:1 write:100 settle:0:0"; got != want {
			t.Errorf("the database was asked %s, want %s", got, want)
		}
	}},
	{name: "p23_inserters_of_absent_rows", run: func(t *testing.T, s *suite) {
		r := s.race(t)
		r.use("policy: 1\ntables:\n  notes:\n    rules:\n      - {name: open, ops: [create, update, delete], row: \"true\", acknowledge: open, columns: [body, n]}\n")
		reruns := 0
		rounds := r.rounds(func(round int) {
			var results [2]*writegate.Result
			r.together(func(side int) {
				tx := writegate.Transaction{ID: int64(round + 1)}
				for i := range 4 {
					at := i
					if side == 1 {
						at = 3 - i
					}
					tx.Ops = append(tx.Ops, writegate.Op{Kind: writegate.Put, Table: "notes", OpID: int64(4*round + i + 1), ID: fmt.Sprintf("%d-%d-%d", round, at, side), Data: writegate.Row{"body": r.user(side)}})
				}
				up := &writegate.Upload{ClientID: fmt.Sprint("d", side), Transactions: []writegate.Transaction{tx}}
				res, err := r.pipes[side].Apply(t.Context(), writegate.Caller{Subject: r.user(side)}, r.pol, up)
				if err != nil {
					t.Error(err)
					return
				}
				results[side] = res
			})
			for side, res := range results {
				if res == nil || res.Transactions[0].Status != writegate.Applied {
					t.Fatalf("round %d: inserter %d: %+v", round, side, res)
				}
				reruns += res.Reruns
			}
		})
		if reruns > rounds/5 {
			t.Errorf("%d reruns in %d rounds: inserters of different rows stand in each other's way", reruns, rounds)
		}
	}},
}

// use has the race decided by another policy.
func (r *race) use(text string) {
	r.t.Helper()
	r.pol = r.db.policy(r.t, text)
}

// policy binds a policy to the tables that the database has.
func (d *database) policy(t *testing.T, text string) *policy.Bundle {
	t.Helper()
	source, err := policy.Parse("policy.yaml", []byte(text))
	d.no(err)
	bundle, err := source.Bind(d.schema)
	d.no(err)
	return bundle
}
