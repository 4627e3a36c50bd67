package postgres

import (
	"fmt"
	"strconv"
	"testing"

	"writegate"
	"writegate/policy"
)

// TestLedgerSize measures what the ledger costs: at most 80 bytes an operation, indexes included, where an upload is a
// transaction of a hundred.
func TestLedgerSize(t *testing.T) {
	const uploads, ops, most = 500, 100, 80
	dsn := database(t, "create table todos (id text primary key, note text)")
	db := open(t, Config{DSN: dsn})
	source, err := policy.Parse("policy.yaml", []byte("policy: 1\nname: size\ntables:\n  todos:\n    rules:\n      - {name: all, ops: [create, update], row: \"true\", columns: [note]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := source.Bind(tables(t, db, "todos"))
	if err != nil {
		t.Fatal(err)
	}
	pipeline := writegate.NewPipeline(db, writegate.Options{})
	var op int64
	for upload := range uploads {
		tx := writegate.Transaction{ID: int64(upload + 1)}
		for i := range ops {
			op++
			tx.Ops = append(tx.Ops, writegate.Op{Kind: writegate.Put, Table: "todos", ID: fmt.Sprint("t", i), OpID: op, Data: writegate.Row{"note": fmt.Sprint(op)}})
		}
		client := fmt.Sprintf("6e31bf8c-9b5a-4ef0-8d6c-%012d", upload%50)
		res, err := pipeline.Apply(t.Context(), someone, rules, &writegate.Upload{ClientID: client, Transactions: []writegate.Transaction{tx}})
		if err != nil || res.Err != nil || res.Transactions[0].Status != writegate.Applied {
			t.Fatal(err, res.Err, res.Transactions[0].Err)
		}
	}
	if rows := scalar(t, dsn, "select count(*)::text from writegate.writegate_ledger"); rows != strconv.Itoa(uploads) {
		t.Fatalf("there are %s rows, want one for each upload", rows)
	}
	size, err := strconv.Atoi(scalar(t, dsn, "select pg_total_relation_size('writegate.writegate_ledger')::text"))
	if err != nil {
		t.Fatal(err)
	}
	if each := float64(size) / (uploads * ops); each > most {
		t.Errorf("%.1f bytes an operation, want %d at most", each, most)
	} else {
		t.Logf("%.1f bytes an operation", each)
	}
}
