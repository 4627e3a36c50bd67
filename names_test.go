package writegate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	columns := []string{"uuid", "id", "title", "n"}
	for _, c := range []struct {
		name   string
		ref    TableRef
		want   map[string]string
		faults []string
	}{
		{"nothing said", TableRef{}, map[string]string{"uuid": "uuid", "id": "id", "title": "title", "n": "n"}, nil},
		{
			"other names",
			TableRef{Key: "id", Columns: map[string]ColumnRef{"id": {Source: "uuid"}, "number": {Source: "id"}, "n": {Type: "x"}}},
			map[string]string{"uuid": "id", "id": "number", "title": "title", "n": "n"},
			nil,
		},
		{"two exchange their names", TableRef{Columns: map[string]ColumnRef{"n": {Source: "id"}, "id": {Source: "n"}}}, map[string]string{"uuid": "uuid", "id": "n", "title": "title", "n": "id"}, nil},
		{"not there", TableRef{Columns: map[string]ColumnRef{"a": {Source: "b"}, "c": {}}}, nil, []string{`there is no column "b"`, `there is no column "c"`}},
		{"two names", TableRef{Columns: map[string]ColumnRef{"a": {Source: "n"}, "b": {Source: "n"}}}, nil, []string{`column "n" can't be both "a" and "b"`}},
		{"another's name", TableRef{Columns: map[string]ColumnRef{"id": {Source: "uuid"}}}, nil, []string{`column "uuid" is called "id", and so is another column: give that one another name`}},
		{"parts", TableRef{Parts: []string{"uuid", "n"}, Key: "key"}, map[string]string{"uuid": "uuid", "id": "id", "title": "title", "n": "n"}, nil},
		{
			"parts by other names",
			TableRef{Parts: []string{"one", "n"}, Columns: map[string]ColumnRef{"one": {Source: "id"}}},
			map[string]string{"uuid": "uuid", "id": "one", "title": "title", "n": "n"},
			nil,
		},
		{
			"parts that are none",
			TableRef{Parts: []string{"x", "n", "n"}},
			nil,
			[]string{
				`there is no column "x", which is to be a part of the key`, `column "n" is twice a part of the key`,
				`the key of several columns is called "id", and so is a column of the database: give one of them another name`,
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			names, faults := c.ref.Names(columns)
			if diff := cmp.Diff(c.faults, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.want, names); c.want != nil && diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}
