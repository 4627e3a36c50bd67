package policytest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/appliers/memory"
	"writegate/policytest"
)

const planned = `
  - {name: a, as: ann, batch: [{put: notes/b1}, {patch: notes/a1, data: {text: x}}]}
  - {name: b, as: [ann, bob], op: {delete: notes/a2}}
  - {name: c, as: ann, op: {put: notes/b2, data: {made: null}}}
  - {name: d, as: ann, op: {put: notes/b3}}
`

func bind(t *testing.T, f *policytest.File, defs ...memory.Table) *policytest.Bound {
	t.Helper()
	b, err := (&policytest.Runner{Tables: tablesOf(defs...)}).Bind(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPlan(t *testing.T) {
	b := bind(t, written(t, planned), defined)
	got, err := b.Plan(t.Context(), b.File.Users[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &policytest.Plan{
		File: b.File.Path, User: "ann", Operations: 5, Transactions: 4, Statements: 7, Reads: 1, Tenfold: 1,
		Steps: []policytest.Step{
			{Kind: "claim", About: "the ledger of the device", Lock: "for update", Statements: 1},
			{Kind: "read", Name: "notes", Lock: "for update", Rows: 4, Statements: 1},
			{Kind: "write", Name: "notes", About: "insert", Rows: 2, Statements: 2},
			{Kind: "write", Name: "notes", About: "update", Rows: 1, Statements: 1},
			{Kind: "write", Name: "notes", About: "delete", Rows: 1, Statements: 1},
			{Kind: "settle", About: "the ledger, refusals, dead letters", Statements: 1},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := (&policytest.Runner{Tables: tables}).Run(t.Context(), b); err == nil {
		t.Error("cases that expect nothing pass")
	}
}

// TestPlanSeesGrowth has rows read again after each deletion, which takes others along.
func TestPlanSeesGrowth(t *testing.T) {
	b := bind(t, written(t, planned), defined, memory.Table{
		Name: "parts", Key: "id", KeyType: writegate.Text, Columns: []memory.Column{{Name: "note", Type: writegate.Text}},
		ForeignKeys: []memory.ForeignKey{{Column: "note", Parent: "notes", Cascade: true}},
	})
	got, err := b.Plan(t.Context(), b.File.Users[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Tenfold <= got.Reads {
		t.Errorf("%d reads, and %d of ten times the operations", got.Reads, got.Tenfold)
	}
}
