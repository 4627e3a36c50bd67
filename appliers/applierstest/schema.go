package applierstest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

var schemaCases = []testCase{
	{name: "describes columns", run: func(t *testing.T, s *suite) {
		d := s.open(t, s.without(TableDef{Name: "things", Key: "code", Columns: []ColumnDef{
			{Name: "t", Type: writegate.Text, NotNull: true},
			{Name: "i", Type: writegate.Int, Default: int64(7)},
			{Name: "f", Type: writegate.Float},
			{Name: "d", Type: writegate.Decimal},
			{Name: "b", Type: writegate.Bool, NotNull: true, Default: false},
			{Name: "at", Type: writegate.Timestamp},
			{Name: "j", Type: writegate.Document},
			{Name: "u", Type: writegate.UUID},
		}}))
		_, noDefaults := s.Without[Defaults]
		type column struct {
			Type                           writegate.Type
			Nullable, HasDefault, ReadOnly bool
		}
		got := map[string]column{}
		table := d.schema["things"]
		for _, c := range table.Columns {
			got[c.Name] = column{c.Type, c.Nullable, c.HasDefault, c.ReadOnly}
			if c.Native == "" {
				t.Errorf("column %s has no native type", c.Name)
			}
		}
		want := map[string]column{
			"code": {Type: writegate.Text},
			"t":    {Type: writegate.Text},
			"i":    {Type: writegate.Int, Nullable: true, HasDefault: !noDefaults},
			"f":    {Type: writegate.Float, Nullable: true},
			"d":    {Type: writegate.Decimal, Nullable: true},
			"b":    {Type: writegate.Bool, HasDefault: !noDefaults},
			"at":   {Type: writegate.Timestamp, Nullable: true},
			"j":    {Type: writegate.Document, Nullable: true},
			"u":    {Type: writegate.UUID, Nullable: true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("columns (-want +got):\n%s", diff)
		}
		if table.Name != "things" || table.Key != "code" || table.Source == "" {
			t.Errorf("table is %q, source %q, key %q", table.Name, table.Source, table.Key)
		}
	}},
	{name: "another name for a table", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		ref := d.refs()[0]
		if ref.Source == "" {
			ref.Source = ref.Name
		}
		ref.Name = "memos"
		schema, err := d.Applier.Schema(t.Context(), []writegate.TableRef{ref})
		d.no(err)
		if len(schema) != 1 || schema["memos"] == nil || schema["memos"].Name != "memos" || schema["memos"].Key != "id" {
			t.Fatalf("schema is %v", schema)
		}
	}},
	{name: "all faults at once", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		_, err := d.Applier.Schema(t.Context(), append(d.refs(), writegate.TableRef{Name: "nowhere"}, writegate.TableRef{Name: "nothing"}))
		if err == nil {
			t.Fatal("two tables are missing and Schema returned no error")
		}
		e := writegate.AsError(err)
		if e.Class != writegate.Operator {
			t.Errorf("class is %v, want operator", e.Class)
		}
		for _, name := range []string{"nowhere", "nothing"} {
			if e.Cause == nil || !strings.Contains(e.Cause.Error(), name) {
				t.Errorf("cause does not name %s: %v", name, e.Cause)
			}
		}
	}},
	{name: "no table of our own", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		for _, name := range []string{"writegate_ledger", "writegate.ledger", "WriteGate_Clients"} {
			if _, err := d.Applier.Schema(t.Context(), []writegate.TableRef{{Name: name}}); err == nil {
				t.Errorf("table %s may be configured", name)
			}
		}
	}},
	{name: "stored values convert to themselves", run: func(t *testing.T, s *suite) {
		d := s.open(t, everything)
		at := instant.Truncate(s.tick())
		for name, v := range (writegate.Row{"t": "x", "i": int64(-3), "f": 2.5, "d": "12.5", "b": true, "at": at, "j": `{"a":1}`, "u": "0b0e8a52-5a3b-4b0c-8a52-0123456789ab"}) {
			c := d.schema["everything"].Column(name)
			if got, err := c.Convert(v); err != nil || !c.Equal(got, v) {
				t.Errorf("column %s: %#v becomes %#v, %v", name, v, got, err)
			}
			if got, err := c.Convert(nil); err != nil || got != nil {
				t.Errorf("column %s: nil becomes %#v, %v", name, got, err)
			}
			if c.Equal(v, nil) || c.Equal(nil, v) || !c.Equal(nil, nil) {
				t.Errorf("column %s: nil is not only equal to nil", name)
			}
		}
	}},
}

// notes is a plain table.
var notes = TableDef{Name: "notes", Columns: []ColumnDef{{Name: "body", Type: writegate.Text}, {Name: "n", Type: writegate.Int}}}

// everything has a column of each type.
var everything = TableDef{Name: "everything", Columns: []ColumnDef{
	{Name: "t", Type: writegate.Text},
	{Name: "i", Type: writegate.Int},
	{Name: "f", Type: writegate.Float},
	{Name: "d", Type: writegate.Decimal},
	{Name: "b", Type: writegate.Bool},
	{Name: "at", Type: writegate.Timestamp},
	{Name: "j", Type: writegate.Document},
	{Name: "u", Type: writegate.UUID},
}}
