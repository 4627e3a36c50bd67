package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

const routeSchema = `
docs: id text!, title text, secret text, gone time
told: key uuid!, who text!, device text, op int, tab text, row text, code text, message text, at time!
`

const routePolicy = `
policy: 1
engine: {patch_missing: dead_letter}
route:
  - {codes: [doc.quiet], to: drop, acknowledge: true}
  - {codes: [UNIQUE_VIOLATION, "column.*"], to: report, notify: true}
  - {codes: [row.missing, row.deleted], to: drop, acknowledge: true}
  - {codes: ["*"], to: block}
dead_letter: {redact: [secret, docs.title]}
notify: {table: told, user_column: who, columns: {id: key, client: device, op: op, table: tab, row: row, at: at}}
tables:
  docs:
    soft_delete: {column: gone, value: now, put_on_deleted: reject, patch_on_deleted: dead_letter}
    rules:
      - {name: open, ops: [create, update, delete], row: row.title != "x", columns: [title, secret]}
`

func refusalOf(code writegate.Code, reason, table string) *writegate.Error {
	e := writegate.Refuse(code, reason, "no")
	e.Table = table
	return e
}

// TestRoutes sends refusals to the first route for their code, and what the table or unknown: says to dead letters.
func TestRoutes(t *testing.T) {
	j := judgeFor(t, bind(t, routePolicy, routeSchema), "ann", nil)
	patch, put := &writegate.Op{Kind: writegate.Patch, Table: "docs", ID: "d"}, &writegate.Op{Kind: writegate.Put, Table: "docs", ID: "d"}
	for _, tt := range []struct {
		name   string
		why    *writegate.Error
		op     *writegate.Op
		want   writegate.Keep
		notify bool
	}{
		{"an author's code", refusalOf(writegate.CheckViolation, "doc.quiet", "docs"), put, writegate.KeepNothing, false},
		{"a code of the database", refusalOf(writegate.UniqueViolation, "", "docs"), put, writegate.KeepReport, true},
		{"a reason beats the code of the wire", refusalOf(writegate.UniqueViolation, "row.exists", "docs"), put, writegate.KeepOnDevice, false},
		{"any ending", refusalOf(writegate.InvalidData, "column.type", "docs"), put, writegate.KeepReport, true},
		{"not any beginning", refusalOf(writegate.InvalidData, "columns", "docs"), put, writegate.KeepOnDevice, false},
		{"of no table", refusalOf(writegate.ForeignKeyViolation, "", ""), nil, writegate.KeepOnDevice, false},
		{"a missing row", refusalOf(writegate.Conflict, "row.missing", "docs"), patch, writegate.KeepLetter, false},
		{"a deleted row", refusalOf(writegate.Conflict, "row.deleted", "docs"), patch, writegate.KeepLetter, false},
		{"a deleted row, put", refusalOf(writegate.Conflict, "row.deleted", "docs"), put, writegate.KeepNothing, false},
		{"a table that is not listed", refusalOf(writegate.SchemaMismatch, "table.denied", ""), put, writegate.KeepOnDevice, false},
	} {
		got := j.Refused(tt.why, tt.op, "name")
		if got.Keep != tt.want || len(got.Notes) > 0 != tt.notify {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if diff := cmp.Diff(map[string][]string{"": {"secret"}, "docs": {"title"}}, got.Redact); diff != "" {
			t.Error(diff)
		}
	}
}

// TestNotify tells the user what was refused, in a row whose key is made from the operation.
func TestNotify(t *testing.T) {
	j := judgeFor(t, bind(t, routePolicy, routeSchema), "ann", nil)
	op := &writegate.Op{Kind: writegate.Put, Table: "docs", ID: "d", OpID: 12}
	why := refusalOf(writegate.InvalidData, "column.type", "docs")
	one, again, other := j.Refused(why, op, "one"), j.Refused(why, op, "one"), j.Refused(why, op, "other")
	want := writegate.Row{
		"who": "ann", "device": "d1", "op": int64(12), "tab": "docs", "row": "d", "code": "column.type", "message": "no", "at": now.Truncate(time.Microsecond),
	}
	note := one.Notes[0]
	if diff := cmp.Diff(want, note.Set); diff != "" || note.Verb != writegate.Insert || note.Table.Name != "told" {
		t.Errorf("%+v\n%s", note, diff)
	}
	if len(note.Key.(string)) != 36 || note.Key != again.Notes[0].Key || note.Key == other.Notes[0].Key {
		t.Errorf("keys are %v, %v and %v", note.Key, again.Notes[0].Key, other.Notes[0].Key)
	}
	whole := j.Refused(refusalOf(writegate.UniqueViolation, "", ""), nil, "one").Notes[0].Set
	if whole["op"] != nil || whole["row"] != "" || whole["code"] != "UNIQUE_VIOLATION" {
		t.Errorf("of a whole transaction it tells %v", whole)
	}
}

// TestUnlistedNames is what becomes of names that the policy does not list.
func TestUnlistedNames(t *testing.T) {
	const text = "\ntables:\n  docs:\n    rules:\n      - {name: open, ops: [create, update, delete], row: row.title != \"x\", columns: [title]}\n"
	table := writegate.Op{Kind: writegate.Put, Table: "other", ID: "d"}
	column := writegate.Op{Kind: writegate.Put, Table: "docs", ID: "d", Data: writegate.Row{"title": "t", "colour": "red"}}
	letters := writegate.Op{Kind: writegate.Put, Table: "docs", ID: "d", Data: writegate.Row{"Title": "t"}}
	for _, tt := range []struct {
		key    string
		keep   writegate.Keep
		ignore bool
	}{{"", writegate.KeepReport, false}, {"unknown: dead_letter", writegate.KeepLetter, false}, {"unknown: block", writegate.KeepOnDevice, false}, {"unknown: ignore", 0, true}} {
		j := judgeFor(t, bind(t, "policy: 1\nroute: [{codes: ['*'], to: report}]\n"+tt.key+text, routeSchema), "ann", nil)
		a, why := j.Admit(&table)
		if a != nil || (why == nil) != tt.ignore || why != nil && j.Refused(why, &table, "").Keep != tt.keep {
			t.Errorf("%q: a table: %v, %v", tt.key, a, why)
		}
		a, why = j.Admit(&column)
		switch {
		case tt.ignore && (a == nil || why != nil):
			t.Errorf("%q: a column: %v", tt.key, why)
		case tt.ignore:
			if diff := cmp.Diff(writegate.Row{"title": "t"}, a.Values); diff != "" {
				t.Error(diff)
			}
		case why == nil || j.Refused(why, &column, "").Keep != tt.keep:
			t.Errorf("%q: a column: %v", tt.key, why)
		}
		if _, why = j.Admit(&letters); why == nil || why.Reason != "column.unknown" {
			t.Errorf("%q: a column in other letters: %v", tt.key, why)
		}
	}
}

// TestRouteWarnings are doubts that do not keep a policy from loading.
func TestRouteWarnings(t *testing.T) {
	b := bind(t, `
policy: 1
route:
  - {codes: ["*"], notify: true}
  - {codes: [not_writable], to: report}
notify: {table: notices, user_column: user_id}
dead_letter: {max_per_user: 500}
tables:
  docs:
    rules:
      - {name: open, ops: [update, delete], row: row.title != "x", columns: [title]}
`, routeSchema)
	want := "test.yaml:5:5: P210 no refusal gets here: the routes are asked in order, and one before takes every code (route)\n" +
		"test.yaml:6:17: P100 the schema has no table notices, so nobody is told of a refusal (notify)"
	if got := b.Warnings().Error(); got != want {
		t.Errorf("warnings are\n%s\nwant\n%s", got, want)
	}
	if got := b.Batch().MostLetters; got != 500 {
		t.Errorf("a user may have %d letters", got)
	}
	j := judgeFor(t, b, "ann", nil)
	if got := j.Refused(refusalOf(writegate.Unauthorized, "not_writable", "docs"), nil, "n"); got.Keep != writegate.KeepLetter || got.Notes != nil {
		t.Errorf("%+v", got)
	}
}

// TestOwnTables are introspected for the policy, and written by nobody else.
func TestOwnTables(t *testing.T) {
	s, err := Parse("test.yaml", []byte(routePolicy))
	if err != nil {
		t.Fatal(err)
	}
	want := []writegate.TableRef{{Name: "docs"}, {Name: "told", Key: "key"}}
	if diff := cmp.Diff(want, s.Tables()); diff != "" {
		t.Error(diff)
	}
	if !s.Lets(writegate.Insert, "told") || s.Lets(writegate.Update, "told") {
		t.Error("the policy inserts into the table and does nothing else")
	}
	if got := s.Marks("told") + s.Marks("docs"); got != "resolved_at" {
		t.Errorf("what is resolved is marked in %q", got)
	}
	if line, column := s.Place("told"); line != 10 || column != 17 {
		t.Errorf("told is at %d:%d", line, column)
	}
	b, err := s.Bind(schema(routeSchema))
	if err != nil {
		t.Fatal(err)
	}
	j := judgeFor(t, b, "ann", nil)
	if _, why := j.Admit(&writegate.Op{Kind: writegate.Put, Table: "told", ID: "x"}); why == nil || why.Reason != "table.denied" {
		t.Errorf("a client writes it: %v", why)
	}
	tables := schema(routeSchema)
	tables["told"].Source = tables["docs"].Source
	if _, err := s.Bind(tables); err == nil {
		t.Error("two names for one table")
	}
	changed := schema(routeSchema + "\n")
	changed["told"].Columns[2].Native = "varchar"
	other, err := s.Bind(changed)
	if err != nil || other.Revision() == b.Revision() {
		t.Errorf("a change of the table leaves the revision %s: %v", b.Revision(), err)
	}
}

// TestKeyIsNotLeftOut keeps a policy from promising that dead letters are without the key of a row, which they name.
func TestKeyIsNotLeftOut(t *testing.T) {
	for redact, want := range map[string]string{
		"id":          `1:24: P101 "id" is a key or part of one, which dead letters can't leave out: they name the rows that they are of (dead_letter.redact)`,
		"people.id":   `"people.id" is a key`,
		"stock.store": `"stock.store" is a key`,
		"store":       `"store" is a key`,
		"stock.qty":   "",
		"email":       "",
	} {
		source, err := Parse("test.yaml", []byte("dead_letter: {redact: ["+redact+"]}\npolicy: 1\ntables:\n  people: {}\n  stock: {key: {columns: [item, store]}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = source.Bind(schema("people: id text!, email text!\nstock(item,store): item int!, store text!, qty int"))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", redact, got, want)
		}
	}
}
