package postgres

import (
	"fmt"
	"strconv"
	"testing"

	"writegate"
	"writegate/policy"
)

// todosRules let everybody write todos whose note begins with yes.
const todosRules = `policy: 1
name: todos
tables:
  todos:
    rules:
      - {name: all, ops: [create, update], row: row.note.startsWith("yes"), columns: [note]}
`

// uploader returns what uploads transactions of a device, the operations numbered through.
func uploader(t *testing.T, db *DB, o writegate.Options) func(client string, transactions, ops int, note string) *writegate.Result {
	t.Helper()
	source, err := policy.Parse("policy.yaml", []byte(todosRules))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := source.Bind(tables(t, db, "todos"))
	if err != nil {
		t.Fatal(err)
	}
	pipeline := writegate.NewPipeline(db, o)
	var op int64
	return func(client string, transactions, ops int, note string) *writegate.Result {
		t.Helper()
		up := &writegate.Upload{ClientID: client}
		for range transactions {
			tx := writegate.Transaction{ID: op + 1}
			for i := range ops {
				op++
				data := writegate.Row{"note": fmt.Sprint(note, " ", op)}
				tx.Ops = append(tx.Ops, writegate.Op{Kind: writegate.Put, Table: "todos", ID: fmt.Sprint("t", i), OpID: op, Data: data})
			}
			up.Transactions = append(up.Transactions, tx)
		}
		res, err := pipeline.Apply(t.Context(), someone, rules, up)
		if err != nil || res.Err != nil {
			t.Fatal(err, res.Err)
		}
		return res
	}
}

// TestLedgerTrips counts round trips: the ledger takes one for a chunk, and what is refused takes no more.
func TestLedgerTrips(t *testing.T) {
	trips := func(note string, without bool) int64 {
		cfg := Config{DSN: database(t, "create table todos (id text primary key, note text)"), MaxConns: 1, NoOwnTables: without}
		var o writegate.Options
		if without {
			o.Ledgerless = []string{""}
		}
		db := open(t, cfg)
		sent, upload := counted(t, db), uploader(t, db, o)
		upload("d1", 10, 100, note)
		before := sent.trips.Load()
		upload("d1", 10, 100, note)
		return sent.trips.Load() - before
	}
	bare, kept, refused := trips("yes", true), trips("yes", false), trips("no", false)
	t.Logf("%d round trips without a ledger, %d with one, %d when everything is refused", bare, kept, refused)
	if kept > bare+1 || refused > kept {
		t.Errorf("the ledger takes %d round trips more, refusals %d", kept-bare, refused-kept)
	}
}

// TestLedgerSize measures what the ledger costs: at most 80 bytes an operation, indexes included, where transactions have
// a hundred, each uploaded by itself or ten together.
func TestLedgerSize(t *testing.T) {
	const ops, most = 100, 80
	for _, together := range []int{1, 10} {
		dsn := database(t, "create table todos (id text primary key, note text)")
		upload := uploader(t, open(t, Config{DSN: dsn}), writegate.Options{})
		const uploads = 200
		for i := range uploads {
			client := fmt.Sprintf("6e31bf8c-9b5a-4ef0-8d6c-%012d", i%50)
			for _, tx := range upload(client, together, ops, "yes").Transactions {
				if tx.Status != writegate.Applied {
					t.Fatal(tx.Status, tx.Err)
				}
			}
		}
		if rows := scalar(t, dsn, "select count(*)::text from writegate.writegate_ledger"); rows != strconv.Itoa(uploads) {
			t.Fatalf("there are %s rows, want one for each upload", rows)
		}
		size, err := strconv.Atoi(scalar(t, dsn, "select pg_total_relation_size('writegate.writegate_ledger')::text"))
		if err != nil {
			t.Fatal(err)
		}
		each := float64(size) / float64(uploads*together*ops)
		t.Logf("%.1f bytes an operation in uploads of %d", each, together*ops)
		if each > most {
			t.Errorf("%.1f bytes an operation, want %d at most", each, most)
		}
	}
}
