package schemafile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/schemafile"
)

// TestBriefForm reads what somebody writes by hand who has no database yet.
func TestBriefForm(t *testing.T) {
	f, err := schemafile.Parse("s.yaml", []byte(`orders: {id: uuid!, at: timestamptz!, "state": "enum(draft, done)!", tags: "text[]", doc: json}
schema: {id: text!}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []schemafile.Table{
		{Name: "orders", Source: "orders", Key: "id", Columns: []schemafile.Column{
			{Name: "at", Type: writegate.Timestamp, Native: "timestamptz", HasDefault: true},
			{Name: "doc", Type: writegate.Document, Native: "json", Nullable: true},
			{Name: "id", Type: writegate.UUID, Native: "uuid"},
			{Name: "state", Type: writegate.Other, Native: "enum(draft, done)", HasDefault: true, Values: []string{"draft", "done"}},
			{Name: "tags", Type: writegate.List, Native: "text[]", Nullable: true},
		}},
		{Name: "schema", Source: "schema", Key: "id", Columns: []schemafile.Column{{Name: "id", Type: writegate.Text, Native: "text"}}},
	}
	if diff := cmp.Diff(want, f.Tables); diff != "" {
		t.Error(diff)
	}
}

func TestBriefFaults(t *testing.T) {
	_, err := schemafile.Parse("s.yaml", []byte("a: {id: txt, n: [int], m: text[}\nb: {key: text}\n"))
	if err == nil || !isFaults(err) {
		t.Fatalf("the error is %v", err)
	}
	_, err = schemafile.Parse("s.yaml", []byte("a: {id: txt, n: [int], m: any}\nb: {key: text}\n"))
	want := `s.yaml:1:9: a.id: unknown type "txt"; there are any, text, bool, int, float, decimal, timestamp, date, uuid, binary, json, list, other, a type with [] for a list, and enum(a,b)
s.yaml:1:17: a.n: must be a single value
s.yaml:2:1: b: there is no column id, which is the key in the brief form; say schema: 1 for any other`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}
