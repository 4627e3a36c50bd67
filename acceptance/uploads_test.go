package acceptance

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

var update = flag.Bool("update", false, "accept the present output as golden")

// ddl puts the engine's types into statements.
func (e engine) ddl(statements []string) []string {
	var pairs []string
	for name, native := range e.types {
		pairs = append(pairs, name, native)
	}
	out := make([]string, len(statements))
	for i, s := range statements {
		out[i] = strings.NewReplacer(pairs...).Replace(s)
	}
	return out
}

// samples is what the real client's queue held for kinds of local writes; see testdata/uploads.
type samples struct {
	Scenarios []struct {
		Name         string `json:"name"`
		Transactions []struct {
			TransactionID int64           `json:"transactionId"`
			ToJSON        json.RawMessage `json:"toJSON"`
		} `json:"transactions"`
	} `json:"scenarios"`
}

func loadSamples(t *testing.T) samples {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "uploads", "crud-samples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s samples
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// sampleTables have the columns of the client schema that the samples were captured with.
var sampleTables = map[string]string{
	"plain": "t {text}, i {int}, r {float}, b {bool}, j {json}", "prev_all": "t {text}, i {int}, r {float}, b {bool}, j {json}",
	"prev_cols": "t {text}, i {int}, r {float}, b {bool}, j {json}", "prev_changed": "t {text}, i {int}, r {float}, b {bool}, j {json}",
	"prev_cols_changed": "t {text}, i {int}, r {float}, b {bool}, j {json}", "meta": "t {text}, i {int}, r {float}, b {bool}, j {json}",
	"meta_prev": "t {text}, i {int}, r {float}, b {bool}, j {json}", "noempty": "t {text}, i {int}, r {float}, b {bool}, j {json}",
	"noempty_prev": "t {text}, i {int}, r {float}, b {bool}, j {json}", "ins_only": "t {text}, i {int}", "renamed": "t {text}", "raw_table": "a {int}",
}

// TestCapturedUploads applies all that the real client was seen to queue, in its order, and compares what became
// of each operation and the rows afterwards with golden ones. A second pass must change nothing.
func TestCapturedUploads(t *testing.T) {
	captured := loadSamples(t)
	if n := len(captured.Scenarios); n != 39 {
		t.Fatalf("%d scenarios, want 39", n)
	}
	tables := slices.Sorted(maps.Keys(sampleTables))
	var ddl []string
	rules := "policy: 1\ntables:\n"
	for _, name := range tables {
		ddl = append(ddl, fmt.Sprintf("create table %s (id {text} primary key, %s)", name, sampleTables[name]))
		var columns []string
		for c := range strings.SplitSeq(sampleTables[name], ", ") {
			columns = append(columns, strings.Fields(c)[0])
		}
		rules += fmt.Sprintf("  %s:\n    rules:\n      - {name: all, ops: [create, update, delete], row: \"true\", acknowledge: open, columns: [%s]}\n", name, strings.Join(columns, ", "))
	}
	eachEngine(t, ddl, func(t *testing.T, e engine, s *stage) {
		s.use(rules)
		first := applySamples(s, captured)
		first += "\nrows\n"
		var state string
		for _, name := range tables {
			state += dump(s, e, name)
		}
		golden(t, filepath.Join("..", "testdata", "uploads", "rows."+e.name+".golden"), first+state)
		second := applySamples(s, captured)
		if strings.Contains(second, " applied\n") || strings.Contains(second, " noop\n") {
			t.Errorf("the second pass was applied:\n%s", second)
		}
		var again string
		for _, name := range tables {
			again += dump(s, e, name)
		}
		if diff := cmp.Diff(state, again); diff != "" {
			t.Errorf("the second pass changed rows (-before +after):\n%s", diff)
		}
	})
}

func applySamples(s *stage, captured samples) string {
	var out strings.Builder
	for _, sc := range captured.Scenarios {
		fmt.Fprintf(&out, "%s\n", sc.Name)
		for _, tx := range sc.Transactions {
			res, reply := s.send("u1", map[string]any{"client_id": "golden", "transaction_id": tx.TransactionID, "crud": tx.ToJSON})
			if reply.Status != 200 {
				s.t.Errorf("%s: status %d", sc.Name, reply.Status)
			}
			var ops []struct {
				Op, Type, ID string
				OpID         int64 `json:"op_id"`
			}
			if err := json.Unmarshal(tx.ToJSON, &ops); err != nil {
				s.t.Fatal(err)
			}
			for i, r := range res.Transactions[0].Ops {
				status := string(r.Status)
				if r.Replayed {
					status += ", replayed"
				}
				fmt.Fprintf(&out, "\t%d %s %s/%s %s\n", ops[i].OpID, ops[i].Op, ops[i].Type, ops[i].ID, status)
			}
			if err := res.Transactions[0].Err; err != nil && !res.Transactions[0].Ops[0].Replayed {
				fmt.Fprintf(&out, "\t\t%v\n", err)
			}
			if tx := res.Transactions[0]; tx.Status != writegate.Applied && tx.Status != writegate.Rejected {
				s.t.Errorf("%s: %s because of %v (%v)", sc.Name, tx.Status, res.Err, res.Err.Cause)
			}
		}
	}
	return out.String()
}

// dump prints a table as the database itself writes its rows.
func dump(s *stage, e engine, table string) string {
	columns := append([]string{"id"}, columnsOf(table)...)
	var row string
	switch e.name {
	case "sqlite":
		for i, c := range columns {
			columns[i] = "quote(" + c + ") || ' ' || typeof(" + c + ")"
		}
		row = strings.Join(columns, " || ', ' || ")
	case "mysql", "mariadb":
		for i, c := range columns {
			columns[i] = "ifnull(quote(" + c + "), 'NULL')"
		}
		row = "concat_ws(', ', " + strings.Join(columns, ", ") + ")"
	default:
		row = "row(" + strings.Join(columns, ", ") + ")::text"
	}
	return table + "\n\t" + strings.Join(s.rows("select "+row+" from "+table+" order by id"), "\n\t") + "\n"
}

func columnsOf(table string) []string {
	var out []string
	for c := range strings.SplitSeq(sampleTables[table], ", ") {
		out = append(out, strings.Fields(c)[0])
	}
	return out
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run with -update to make it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}
