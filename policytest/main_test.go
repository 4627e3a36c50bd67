package policytest_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"writegate"
	"writegate/appliers/memory"
	"writegate/policy"
	"writegate/policytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const notes = `policy: 1
claims:
  sub: {type: text, required: true}
  level: {type: int, default: 0}
tables:
  notes:
    immutable: [owner]
    default: {owner: claims.sub}
    set:
      - {on: [create], values: {made: now}}
    rules:
      - {name: own, ops: [create, update, delete], row: row.owner == claims.sub, columns: [owner, text, done, tags]}
      - {name: boss, ops: [update], row: "claims.level > 1 && row.done", columns: [text]}
`

// defined are the tables of the policy above, in memory.
var defined = memory.Table{Name: "notes", Key: "id", KeyType: writegate.Text, Columns: []memory.Column{
	{Name: "owner", Type: writegate.Text, NotNull: true},
	{Name: "text", Type: writegate.Text},
	{Name: "done", Type: writegate.Bool, NotNull: true, Default: false},
	{Name: "tags", Type: writegate.Document},
	{Name: "made", Type: writegate.Timestamp},
}}

var tables = tablesOf(defined)

// tablesOf makes tables in memory.
func tablesOf(defs ...memory.Table) func(context.Context, string, *policy.Source) (*policytest.Tables, error) {
	open := func(ctx context.Context) (writegate.Applier, error) {
		db, err := memory.Open(ctx, memory.Config{})
		if err != nil {
			return nil, err
		}
		return db, db.Define(defs...)
	}
	return func(ctx context.Context, _ string, source *policy.Source) (*policytest.Tables, error) {
		db, err := open(ctx)
		if err != nil {
			return nil, err
		}
		defer db.Close()
		schema, err := db.Schema(ctx, source.Tables())
		return &policytest.Tables{Schema: schema, Open: open}, err
	}
}

// head begins a test file about the policy above.
const head = `policy: notes.yaml
schema: none
now: "2026-03-01T10:00:00Z"
users:
  ann: {sub: ann}
  bob: {sub: bob, level: 2}
fixtures:
  notes:
    - {id: a1, owner: ann, text: milk, tags: [x, y]}
    - {id: a2, owner: ann, text: eggs, done: true}
tests:
`

// written puts the policy and a test file into a folder of the test.
func written(t *testing.T, tests string) *policytest.File {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.yaml"), []byte(notes), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := policytest.Parse(filepath.Join(dir, "t.yaml"), []byte(head+tests))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func run(t *testing.T, r *policytest.Runner, f *policytest.File) *policytest.Result {
	t.Helper()
	r.Tables = tables
	b, err := r.Bind(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Run(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return res
}
