package policytest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/policytest"
)

// explained explains an operation over the rows of a test file.
func explained(t *testing.T, user, kind, data string) string {
	t.Helper()
	b := bind(t, written(t, passing), defined)
	db, err := b.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	op, client, err := policytest.ParseOp(kind, "notes/a1", data, "")
	if err != nil {
		t.Fatal(err)
	}
	pipeline := writegate.NewPipeline(db, writegate.Options{Now: func() time.Time { return b.File.Now }})
	u, _ := b.File.User(user)
	e, err := policytest.Explain(t.Context(), b.Policy, u, op, client, pipeline.Apply)
	if err != nil {
		t.Fatal(err)
	}
	e.Revision = "r"
	var text strings.Builder
	if err := e.Text(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct{ user, kind, data, want string }{
		{"ann", "patch", "{text: tea}", `PATCH notes/a1 {text: tea} as ann, policy r
→ allow by rule own

A shape
  names and values             fit the table

B stored row
  row                          the row is there
  rules.own.row     true       row.owner == claims.sub
                                 row.owner = "ann"
                                 claims.sub = "ann"
  rules.boss.row    false      claims.level > 1 && row.done
                    false        claims.level > 1
                                   claims.level = 0
                    not asked    row.done

D resulting row
  rules.own.row     true       row.owner == claims.sub
                                 row.owner = "ann"
                                 claims.sub = "ann"

E change
  update notes/a1 {text: tea}
`},
		{"bob", "DELETE", "", `DELETE notes/a1 as bob, policy r
→ noop

A shape
  names and values             fit the table

B stored row
  row                          the row is there
  rules.own.row     false      row.owner == claims.sub
                                 row.owner = "ann"
                                 claims.sub = "bob"
  rules.boss.row    false      claims.level > 1 && row.done
                    true         claims.level > 1
                                   claims.level = 2
                    false        row.done
`},
		{"ann", "patch", "{txet: tea}", `PATCH notes/a1 {txet: tea} as ann, policy r
→ reject column.unknown: The table notes has no column "txet".

A shape
  names and values             The table notes has no column "txet".
`},
	} {
		if diff := cmp.Diff(tt.want, explained(t, tt.user, tt.kind, tt.data)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestDry decides as ever, and leaves nothing behind.
func TestDry(t *testing.T) {
	b := bind(t, written(t, passing), defined)
	db, err := b.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	u, _ := b.File.User("ann")
	for range 2 {
		pipeline := writegate.NewPipeline(policytest.Dry(db), writegate.Options{})
		res, err := pipeline.Apply(t.Context(), u.Caller, b.Policy, &writegate.Upload{ClientID: "d", Transactions: []writegate.Transaction{
			{ID: 1, Ops: []writegate.Op{{Kind: writegate.Delete, Table: "notes", ID: "a1", OpID: 1}}},
		}})
		if err != nil || res.Transactions[0].Ops[0].Status != writegate.Applied {
			t.Errorf("%+v, %v", res, err)
		}
	}
}
