package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/schemafile"
)

// TestOfflineSchema stores each type as the policy reads it, and refuses what is no value of the type.
func TestOfflineSchema(t *testing.T) {
	f := &schemafile.File{Tables: []schemafile.Table{{Name: "t", Key: "text"}}}
	for typ := writegate.Any; typ <= writegate.Other; typ++ {
		f.Tables[0].Columns = append(f.Tables[0].Columns, schemafile.Column{Name: typ.String(), Type: typ})
	}
	f.Tables[0].Columns = append(f.Tables[0].Columns, schemafile.Column{Name: "enum", Type: writegate.Other, Values: []string{"draft", "done"}})
	schema, err := offlineSchema(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		column    string
		wire      any
		want      any
		otherwise any // what is refused, nil when nothing is
	}{
		{"any", "a", "a", nil},
		{"text", "a", "a", nil},
		{"bool", "1", true, "true"},
		{"int", "12", int64(12), "1.5"},
		{"float", "1.5", 1.5, "x"},
		{"decimal", "1.50", "1.5", "x"},
		{"timestamp", "2026-03-01T10:00:00Z", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), "soon"},
		{"date", "2026-03-01T00:00:00Z", "2026-03-01", "2026-02-30"},
		{"uuid", "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "6f96"},
		{"binary", `\x00ff`, writegate.Bytes("\x00\xff"), "0xf"},
		{"json", `{"a":1}`, `{"a":1}`, "{"},
		{"list", `[1]`, `[1]`, "["},
		{"other", "12:30", "12:30", nil},
		{"enum", "done", "done", "lost"},
	}
	if len(tests) != len(f.Tables[0].Columns) {
		t.Errorf("%d tests of %d columns", len(tests), len(f.Tables[0].Columns))
	}
	for _, tt := range tests {
		c := schema["t"].Column(tt.column)
		got, err := c.Convert(tt.wire)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, %s", tt.column, err, diff)
			continue
		}
		if again, err := c.Convert(got); err != nil || !c.Equal(got, again) {
			t.Errorf("%s: a stored value becomes %v, %v", tt.column, again, err)
		}
		if null, err := c.Convert(nil); null != nil || err != nil {
			t.Errorf("%s: null becomes %v, %v", tt.column, null, err)
		}
		if tt.otherwise != nil {
			if got, err := c.Convert(tt.otherwise); err == nil {
				t.Errorf("%s: %v is taken, as %v", tt.column, tt.otherwise, got)
			}
		}
	}
}
