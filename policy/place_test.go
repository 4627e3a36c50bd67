package policy_test

import (
	"testing"

	"writegate"
	"writegate/policy"
)

func TestPlaceAndLets(t *testing.T) {
	source, err := policy.Parse("p.yaml", []byte(`policy: 1
tables:
  lists:
    rules:
      - {name: all, ops: [create, delete], using: "false", check: "false"}
  "to dos": {key: {column: id}}
  marked: {soft_delete: {column: gone, value: now}, rules: [{name: all, ops: [delete], using: "false"}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string][2]int{"lists": {3, 3}, "to dos": {6, 3}, "none": {0, 0}} {
		if line, column := source.Place(table); [2]int{line, column} != want {
			t.Errorf("%s is at %d:%d, want %v", table, line, column, want)
		}
	}
	for _, tt := range []struct {
		verb  writegate.Verb
		table string
		want  bool
	}{
		{writegate.Insert, "lists", true},
		{writegate.Update, "lists", false},
		{writegate.Remove, "lists", true},
		{writegate.Insert, "to dos", false},
		{writegate.Remove, "none", false},
		{writegate.Remove, "marked", false},
		{writegate.Update, "marked", true},
		{writegate.Insert, "marked", false},
	} {
		if got := source.Lets(tt.verb, tt.table); got != tt.want {
			t.Errorf("verb %d on %s: %t", tt.verb, tt.table, got)
		}
	}
}

func TestAsks(t *testing.T) {
	source, err := policy.Parse("p.yaml", []byte(`policy: 1
claims:
  guest: {path: is_anonymous, type: bool, default: false}
  staff: {path: app_metadata.staff, type: bool, default: false}
tables: {}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path []string
		want bool
	}{
		{[]string{"is_anonymous"}, true},
		{[]string{"app_metadata", "staff"}, true},
		{[]string{"guest"}, false},
		{[]string{"app_metadata"}, false},
		{[]string{"app_metadata.staff"}, false},
	} {
		if got := source.Asks(tt.path...); got != tt.want {
			t.Errorf("%q: %v", tt.path, got)
		}
	}
}
