package writegate

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kept puts operations into a dead letter and takes them out again.
func kept(t testing.TB, ops []Op, redact map[string][]string) Transaction {
	t.Helper()
	l := letter{tx: 9, place: -1, redact: redact}
	for i := range ops {
		l.ops = append(l.ops, &opWork{op: &ops[i], fp: ops[i].Fingerprint()})
	}
	body, err := l.body()
	if err != nil {
		t.Fatal(err)
	}
	tx, err := (&DeadLetter{ID: "l", Body: body, OpIndex: -1}).Transaction()
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return tx
}

func TestLetterKeepsOperations(t *testing.T) {
	ops := []Op{
		{Kind: Put, Table: "t", ID: "ä/\u2028<1>", OpID: 7, Metadata: `{"a": "<b>"}`, Data: Row{
			"null": nil, "yes": true, "text": "<&>\x00\u2028", "empty": "", "big": json.Number("123456789012345678901234567890"), "exact": json.Number("1.10E+02"),
			"zero": json.Number("-0.0"), "doc": JSON(`{"b": [1.0, "<x>", {"a":1,"a":2}], "a": null}`), "list": JSON(`[]`), "json": `{"a":1}`, "number": "12",
		}},
		{Kind: Patch, Table: "t", ID: "2", OpID: 8, Data: Row{"a": "new"}, Previous: Row{"a": nil, "n": json.Number("1e3"), "d": JSON(`{"x":[]}`)}},
		{Kind: Patch, Table: "t", ID: "3"},
		{Kind: Delete, Table: "t", ID: "4", OpID: 9, Previous: Row{"a": "old"}},
	}
	tx := kept(t, ops, nil)
	if tx.ID != 9 || len(tx.Ops) != len(ops) {
		t.Fatalf("%+v", tx)
	}
	for i := range ops {
		if tx.Ops[i].Fingerprint() != ops[i].Fingerprint() {
			t.Errorf("operation %d is another one: %+v", i, tx.Ops[i])
		}
		// White space and escapes of a document may differ.
		same := cmp.Comparer(func(a, b JSON) bool {
			x, errX := CanonicalJSON([]byte(a))
			y, errY := CanonicalJSON([]byte(b))
			return errX == nil && errY == nil && string(x) == string(y)
		})
		if diff := cmp.Diff(ops[i], tx.Ops[i], same); diff != "" {
			t.Errorf("operation %d (-want +got):\n%s", i, diff)
		}
	}
}

// What can't be decided again says why.
func TestLetterKeepsFaults(t *testing.T) {
	ops := []Op{
		{Kind: Put, Table: "t", ID: "1", Data: Row{"a": "x", "secret": "y"}},
		{Kind: Put, Table: "t", ID: "2", Data: Row{"a": "x"}, Fault: Refuse(InvalidData, "value.long", "too long")},
	}
	tx := kept(t, ops, map[string][]string{"t": {"Secret"}})
	for i, want := range []string{ReasonLetterRedacted, ""} {
		if f := tx.Ops[i].Fault; f == nil || f.Class != Refused || f.Reason != want || f.Message == "" {
			t.Errorf("operation %d: %v", i, f)
		}
	}
	if _, err := (&DeadLetter{ID: "l", Body: []byte(`{"crud":[`)}).Transaction(); err == nil {
		t.Error("half a body is read")
	}
}

func FuzzLetterKeepsOperations(f *testing.F) {
	f.Add("PUT", "t", "1", `{"a": 1.50, "b": {"x": [1e9]}, "c": null}`, `{"a": "\u003c"}`, "m")
	f.Add("DELETE", "ö", "", `{}`, `{"": [[]]}`, "{")
	f.Add("PATCH", "t", "\u2029", `{"a": "\ud83d\ude00", "a": {"k": 1, "k": 2}}`, ``, "")
	f.Fuzz(func(t *testing.T, kind, table, id, data, old, metadata string) {
		// As a body of JSON brings them: texts are Unicode, and documents are well-formed.
		unicode := func(s string) string { return string([]rune(s)) }
		rows := make([]Row, 2)
		for i, text := range []string{data, old} {
			var members map[string]json.RawMessage
			if json.Unmarshal([]byte(text), &members) != nil {
				continue
			}
			row, err := rowOf(members)
			if err != nil {
				t.Fatal(err)
			}
			rows[i] = row
		}
		op := Op{Kind: Kind(unicode(kind)), Table: unicode(table), ID: unicode(id), Data: rows[0], Previous: rows[1], Metadata: unicode(metadata), OpID: 3}
		back := kept(t, []Op{op}, nil).Ops[0]
		if back.Fingerprint() != op.Fingerprint() || back.OpID != op.OpID || back.Metadata != op.Metadata || len(back.Previous) != len(op.Previous) {
			t.Errorf("%+v\n%+v", op, back)
		}
		before, after := Op{Kind: Put, Data: op.Previous}, Op{Kind: Put, Data: back.Previous}
		if before.Fingerprint() != after.Fingerprint() {
			t.Errorf("previous values\n%v\n%v", op.Previous, back.Previous)
		}
	})
}
