package applierstest

import (
	"fmt"
	"testing"

	"writegate"
)

var loadCases = []testCase{
	{name: "absent rows are absent", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(d.insert("notes", "a", writegate.Row{"body": "x"})))
		rows := d.load("notes", "a", "b")
		if len(rows) != 1 || rows["a"]["body"] != "x" {
			t.Errorf("loaded %v", rows)
		}
		if n, known := rows["a"]["n"]; n != nil || !known {
			t.Errorf("a null column is %v, present %v; want it present and nil", n, known)
		}
	}},
	{name: "keys are told apart exactly", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		keys := []string{"a", "A", "ä", "a ", " a", "a'b", `a"b`, `a\b`, "a;--", "日本", "\u00e4", "a\u0308", "", "1", "01", "1.0", "%", "_", "null"}
		keys = s.distinct(keys)
		seen := map[string]bool{}
		var changes []writegate.Change
		for _, key := range keys {
			if !seen[key] {
				changes = append(changes, d.insert("notes", key, writegate.Row{"body": "of " + key}))
			}
			seen[key] = true
		}
		d.no(d.write(changes...))
		for key := range seen {
			rows := d.load("notes", key)
			if len(rows) != 1 || rows[key]["body"] != "of "+key {
				t.Errorf("key %q loads %v", key, rows)
			}
		}
	}},
	{name: "integer keys", run: func(t *testing.T, s *suite) {
		d := s.open(t, TableDef{Name: "counters", KeyType: writegate.Int, Columns: []ColumnDef{{Name: "n", Type: writegate.Int}}})
		d.no(d.write(d.insert("counters", "9223372036854775807", writegate.Row{"n": int64(1)}), d.insert("counters", "-9223372036854775808", writegate.Row{"n": int64(2)})))
		rows := d.load("counters", "9223372036854775807", "-9223372036854775808", "0")
		if len(rows) != 2 || rows[int64(1<<63-1)]["n"] != int64(1) || rows[int64(-1<<63)]["n"] != int64(2) {
			t.Errorf("loaded %v", rows)
		}
	}},
	{name: "several tables and columns", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes, everything)
		d.no(d.write(d.insert("notes", "a", writegate.Row{"body": "x", "n": int64(5)}), d.insert("everything", "a", writegate.Row{"i": int64(6), "t": "y"})))
		d.no(d.inTx(func(tx writegate.Tx) error {
			got, err := tx.Load(t.Context(), []writegate.Read{
				{Table: d.schema["everything"], Keys: []any{"a", "z"}, Columns: []string{"i"}, Lock: writegate.ForUpdate},
				{Table: d.schema["notes"], Keys: []any{"z"}, Columns: []string{"body"}, Lock: writegate.ForShare},
				{Table: d.schema["notes"], Keys: []any{"a"}, Columns: nil},
			})
			if err != nil {
				return err
			}
			if len(got) != 3 || got[0]["a"]["i"] != int64(6) || len(got[1]) != 0 || len(got[2]) != 1 {
				t.Errorf("loaded %v", got)
			}
			return nil
		}))
	}},
	{name: "nothing asked", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.inTx(func(tx writegate.Tx) error {
			got, err := tx.Load(t.Context(), nil)
			if len(got) != 0 {
				t.Errorf("loaded %v", got)
			}
			return err
		}))
	}},
	{name: "thousands of rows", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		var changes []writegate.Change
		var keys []any
		for i := range 2500 {
			key := fmt.Sprintf("k%04d", i)
			changes = append(changes, d.insert("notes", key, writegate.Row{"n": int64(i)}))
			keys = append(keys, key)
		}
		d.no(d.write(changes...))
		rows := d.load("notes", keys...)
		if len(rows) != 2500 {
			t.Fatalf("loaded %d rows", len(rows))
		}
		for i, key := range keys {
			if rows[key]["n"] != int64(i) {
				t.Fatalf("row %v is %v", key, rows[key])
			}
		}
	}},
	{name: "sees the transaction's own writes", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(d.insert("notes", "a", writegate.Row{"n": int64(1)}), d.insert("notes", "b", nil)))
		d.no(d.inTx(func(tx writegate.Tx) error {
			for n := int64(2); n < 5; n++ {
				d.no(tx.Write(t.Context(), []writegate.Change{d.update("notes", "a", writegate.Row{"n": n})}))
				rows, err := d.loadIn(tx, writegate.ForUpdate, "notes", "a")
				if err != nil || rows["a"]["n"] != n {
					t.Errorf("loaded %v, %v; want n=%d", rows, err, n)
				}
			}
			d.no(tx.Write(t.Context(), []writegate.Change{d.remove("notes", "b"), d.insert("notes", "c", nil)}))
			rows, err := d.loadIn(tx, writegate.Unlocked, "notes", "b", "c")
			if len(rows) != 1 || rows["c"] == nil {
				t.Errorf("loaded %v", rows)
			}
			return err
		}))
	}},
}
