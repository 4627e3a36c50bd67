package writegate

import (
	"reflect"
	"testing"
)

func TestPlain(t *testing.T) {
	same := func(v any) (any, error) { return v, nil }
	item, store := &Column{Name: "item", Type: Text, Convert: same}, &Column{Name: "store", Type: Text, Convert: same}
	key, err := Composite("id", []*Column{item, store}, "/")
	if err != nil {
		t.Fatal(err)
	}
	stock := &Table{Name: "stock", Key: "id", Parts: []*Column{item, store}, Columns: []*Column{key, item, store, {Name: "qty", Type: Int}}}
	lists := &Table{Name: "lists", Key: "id", Columns: []*Column{{Name: "id", Type: Text}}}
	type plain struct {
		by, null []string
		values   [][]any
	}
	for name, tt := range map[string]struct {
		find Find
		want plain
	}{
		"key of one column": {
			Find{Lookup: &Lookup{Table: lists, By: []string{"id"}}, Values: [][]any{{"a"}}},
			plain{by: []string{"id"}, values: [][]any{{"a"}}},
		},
		"parts": {
			Find{Lookup: &Lookup{Table: stock, By: []string{"item", "qty"}}, Values: [][]any{{"a", 1}}},
			plain{by: []string{"item", "qty"}, values: [][]any{{"a", 1}}},
		},
		"key of several columns": {
			Find{Lookup: &Lookup{Table: stock, By: []string{"id", "qty"}, Null: []string{"store"}}, Values: [][]any{{"a/b", 1}, {"c/d", 2}}},
			plain{by: []string{"item", "store", "qty"}, null: []string{"store"}, values: [][]any{{"a", "b", 1}, {"c", "d", 2}}},
		},
		"a part besides": {
			Find{Lookup: &Lookup{Table: stock, By: []string{"id", "item"}}, Values: [][]any{{"a/b", "c"}}},
			plain{by: []string{"item", "store", "item"}, values: [][]any{{"a", "b", "c"}}},
		},
		"no key": {
			Find{Lookup: &Lookup{Table: stock, Null: []string{"id"}}, Values: [][]any{{}}},
			plain{null: []string{"item", "store"}, values: [][]any{nil}},
		},
	} {
		by, null, values := tt.find.Plain()
		if got := (plain{by, null, values}); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
