package acceptance

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"writegate"
	"writegate/appliers/memory"
)

// gadgetTables are what the scenarios of two devices write to.
var gadgetTables = []string{
	`create table gadgets (id {text} primary key, owner {text} not null, title {text}, notes {text}, tags {json}, qty {int}, version {int}, state {text},
		edited_at {timestamp}, clocks {json}, title_at {timestamp}, notes_at {timestamp})`,
	`create table write_conflicts (id {text} primary key, table_name {text} not null, row_id {text} not null, conflict_type {text} not null, client_data {json} not null,
		server_data {json}, resolved {bool} not null, user_id {text} not null, created_at {timestamp} not null)`,
	`create table field_changes (id {text} primary key, table_name {text} not null, row_id {text} not null, field_name {text} not null, old_value {text}, new_value {text},
		status {text} not null, user_id {text} not null, created_at {timestamp} not null)`,
	`create table refusals (id {text} primary key, user_id {text} not null, client_id {text}, op_id {int}, table_name {text} not null, row_id {text} not null,
		code {text} not null, message {text} not null, created_at {timestamp} not null, resolved_at {timestamp})`,
}

// eachGadgets runs a test in memory and on every engine.
func eachGadgets(t *testing.T, test func(t *testing.T, s *stage)) {
	t.Run("memory", func(t *testing.T) { test(t, openMemory(t)) })
	eachEngine(t, gadgetTables, func(t *testing.T, _ engine, s *stage) { test(t, s) })
}

func openMemory(t *testing.T) *stage {
	t.Helper()
	db, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	types := map[string]writegate.Type{
		"{text}": writegate.Text, "{json}": writegate.Document, "{int}": writegate.Int, "{timestamp}": writegate.Timestamp, "{bool}": writegate.Bool,
	}
	for _, statement := range gadgetTables {
		name, columns, _ := strings.Cut(strings.TrimPrefix(statement, "create table "), " (")
		def := memory.Table{Name: name, Key: "id", KeyType: writegate.Text}
		for text := range strings.SplitSeq(strings.TrimSuffix(columns, ")"), ",") {
			words := strings.Fields(text)
			if words[0] != "id" {
				def.Columns = append(def.Columns, memory.Column{Name: words[0], Type: types[words[1]], NotNull: len(words) > 2})
			}
		}
		if err := db.Define(def); err != nil {
			t.Fatal(err)
		}
	}
	return &stage{t: t, applier: db, pipeline: writegate.NewPipeline(db, writegate.Options{})}
}

// table returns some columns of all rows, each row as one text, sorted. JSON is written in one way.
func (s *stage) table(name string, columns ...string) []string {
	s.t.Helper()
	var out []string
	add := func(values []any) {
		texts := make([]string, len(values))
		for i, v := range values {
			if texts[i] = fmt.Sprint(v); v == nil {
				texts[i] = "null"
			}
			if canonical, err := writegate.CanonicalJSON([]byte(texts[i])); err == nil && strings.ContainsAny(texts[i], "[{") {
				texts[i] = string(canonical)
			}
		}
		out = append(out, strings.Join(texts, " "))
	}
	if db, ok := s.applier.(*memory.DB); ok {
		for _, row := range db.Rows(name) {
			values := make([]any, len(columns))
			for i, c := range columns {
				values[i] = row[c]
			}
			add(values)
		}
		slices.Sort(out)
		return out
	}
	if s.documents != nil {
		for _, values := range s.fields(name, columns) {
			add(values)
		}
		slices.Sort(out)
		return out
	}
	found, err := s.sql.QueryContext(s.t.Context(), "select "+strings.Join(columns, ", ")+" from "+name)
	if err != nil {
		s.t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		texts, places := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range texts {
			places[i] = &texts[i]
		}
		if err := found.Scan(places...); err != nil {
			s.t.Fatal(err)
		}
		values := make([]any, len(columns))
		for i, text := range texts {
			if text.Valid {
				values[i] = text.String
			}
		}
		add(values)
	}
	if err := found.Err(); err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// gadget is the row of one key.
func (s *stage) gadget(id string, columns ...string) string {
	s.t.Helper()
	for _, text := range s.table("gadgets", append([]string{"id"}, columns...)...) {
		if rest, ok := strings.CutPrefix(text, id+" "); ok {
			return rest
		}
	}
	return "none"
}

// device is a simulated one: it makes operations offline, and sends them when and as often as it is told to.
type device struct {
	id  string
	ops []entry
}

// edit makes an operation on a row of gadgets.
func (d *device) edit(op, id string, data entry, more ...entry) {
	e := entry{"op": op, "table": "gadgets", "id": id, "op_id": len(d.ops) + 1, "op_data": data}
	for _, m := range more {
		maps.Copy(e, m)
	}
	d.ops = append(d.ops, e)
}

// send uploads the operations from..to-1, so many to a transaction, and tells what became of each.
func (d *device) send(s *stage, from, to, size int) []string {
	s.t.Helper()
	var txs []entry
	for ops := range slices.Chunk(d.ops[from:to], size) {
		txs = append(txs, entry{"transaction_id": ops[0]["op_id"], "crud": ops})
	}
	res, _ := s.send("u1", entry{"client_id": d.id, "transactions": txs})
	var out []string
	for _, tx := range res.Transactions {
		for i, op := range tx.Ops {
			what := string(op.Status)
			if tx.Err != nil && i == tx.Failed {
				what = tx.Err.Reason
			}
			out = append(out, what)
		}
	}
	if res.Err != nil {
		s.t.Errorf("%s was held: %v", d.id, res.Err)
	}
	return out
}

// clockwork is the clock of a pipeline: each upload a second after the one before.
func (s *stage) clockwork(start time.Time) {
	s.pipeline = writegate.NewPipeline(s.applier, writegate.Options{Now: func() time.Time {
		start = start.Add(time.Second)
		return start
	}})
}
