package policy

import (
	"strings"
	"testing"
)

// A row of the database has one address: two names of a table with two keys would let one upload judge a stale copy.
func TestOneAddress(t *testing.T) {
	for _, tt := range []struct {
		columns string // of the second name; its first column is the key
		want    string
	}{
		{"id text!, email text!", ""},
		{"email text!, id text!", "4:3: P101 users and by_email are the same table of the database, and a row needs one address: the key is id there and email here (tables.by_email)"},
	} {
		s := schema("users: id text!, email text!\nby_email: " + tt.columns)
		s["by_email"].Source = s["users"].Source
		source, err := Parse("policy.yaml", []byte("policy: 1\ntables:\n  users: {immutable: [id]}\n  by_email: {table: users, immutable: [id]}\n"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = source.Bind(s)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("columns %s: %q, want %q", tt.columns, got, tt.want)
		}
	}
}
