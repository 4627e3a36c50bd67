package policy

import (
	"strings"
	"testing"
)

// A row of the database has one address and its columns one name each: otherwise one upload would judge a stale
// copy of a row, or one column for another.
func TestOneAddress(t *testing.T) {
	const people, stock = "id text!, email text!", "item int!, store text!, qty int"
	for _, tt := range []struct {
		tables string // of the schema
		file   string
		want   string // empty where the file loads
	}{
		{"a: " + people + "\nb: email text!, id text!", "a: {}\n  b: {}", "4:3: P101 a and b are the same table of the database, and a row needs one address: the key is id there and email here (tables.b)"},
		{"a: " + people + "\nb: " + people, "a: {}\n  b: {}", ""},
		{"a: " + people + "\nb: " + people, "a: {}\n  b: {columns: {email: {source: email}, id: {}}}", ""},
		{"a: " + people + "\nb: " + people, "a: {columns: {email: {source: mail}}}\n  b: {columns: {email: {source: mail, empty_string: reject}}}", "email can hold an empty text"},
		{"a: " + people + "\nb: " + people, "a: {columns: {email: {source: mail}}}\n  b: {}", "4:3: P101 a and b are the same table of the database, and their columns need the same names: email is another column here than there (tables.b)"},
		{"a: " + people + "\nb: " + people, "a: {columns: {email: {type: x}}}\n  b: {columns: {email: {type: y}}}", "email is another column here than there"},
		{"a: " + people + "\nb: " + people, "a: {}\n  b: {columns: {email: {references: {table: a, column: id}}}}", "email is another column here than there"},
		{"a: " + people + "\nb: " + people, "a: {columns: {email: {references: {table: a, column: id}}}}\n  b: {columns: {email: {references: {table: a, column: id}}}}", ""},
		{"a(item,store): " + stock + "\nb(item,store): " + stock, "a: {key: {columns: [item, store]}}\n  b: {key: {columns: [item, store], separator: \".\"}}", ""},
		{"a(item,store): " + stock + "\nb(item,store): " + stock, "a: {key: {columns: [item, store]}}\n  b: {key: {columns: [item, store], separator: \":\"}}", "the key is id of item.store there and id of item:store here"},
		{"a(item,store): " + stock + "\nb(store,item): " + stock, "a: {key: {columns: [item, store]}}\n  b: {key: {columns: [store, item]}}", "the key is id of item.store there and id of store.item here"},
	} {
		s := schema(tt.tables)
		s["b"].Source = s["a"].Source
		source, err := Parse("policy.yaml", []byte("policy: 1\ntables:\n  "+tt.file+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = source.Bind(s)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", tt.file, got, tt.want)
		}
		s["b"].Database = "other"
		if _, err := source.Bind(s); err != nil && strings.Contains(err.Error(), "the same table") {
			t.Errorf("in two databases: %v", err)
		}
	}
}
