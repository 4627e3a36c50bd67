package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

func TestRelatives(t *testing.T) {
	all := []writegate.Verb{writegate.Insert, writegate.Update, writegate.Remove}
	const base = "create table a (id text primary key, n int not null unique); create table b (id text primary key);"
	for name, c := range map[string]struct {
		ddl  string
		refs []writegate.TableRef
		want map[string][]writegate.Verb
	}{
		"strangers": {
			base,
			[]writegate.TableRef{{Name: "a"}, {Name: "b"}},
			map[string][]writegate.Verb{"a": nil, "b": nil},
		},
		"view": {
			base + "create view v as select * from a",
			[]writegate.TableRef{{Name: "v", Key: "id"}, {Name: "a"}, {Name: "b"}},
			map[string][]writegate.Verb{"v": all, "a": all, "b": nil},
		},
		"view of a view, which reads besides": {
			base + "create view u as select * from a; create view v as select * from b where exists (select from u where u.id = b.id)",
			[]writegate.TableRef{{Name: "a"}, {Name: "b"}, {Name: "v", Key: "id"}},
			map[string][]writegate.Verb{"v": all, "a": all, "b": all},
		},
		"view that nobody asked for": {
			base + "create view v as select * from a",
			[]writegate.TableRef{{Name: "a"}, {Name: "b"}},
			map[string][]writegate.Verb{"a": nil, "b": nil},
		},
		"view of a parent, and a partition below it": {
			`create table p (id text primary key) partition by hash (id); create table q partition of p for values with (modulus 1, remainder 0) partition by hash (id);
			create table r partition of q for values with (modulus 1, remainder 0); create view v as select * from p`,
			[]writegate.TableRef{{Name: "v", Key: "id"}, {Name: "r"}},
			map[string][]writegate.Verb{"v": all, "r": all},
		},
		"parent and partition": {
			"create table p (id text primary key) partition by hash (id); create table q partition of p for values with (modulus 1, remainder 0)",
			[]writegate.TableRef{{Name: "p"}, {Name: "q"}},
			map[string][]writegate.Verb{"p": all, "q": all},
		},
		"sisters": {
			"create table p (id text primary key) partition by hash (id); create table q partition of p for values with (modulus 2, remainder 0); create table r partition of p for values with (modulus 2, remainder 1)",
			[]writegate.TableRef{{Name: "q"}, {Name: "r"}},
			map[string][]writegate.Verb{"q": nil, "r": nil},
		},
		"child": {
			base + "create table k (primary key (id)) inherits (a)",
			[]writegate.TableRef{{Name: "a"}, {Name: "k"}},
			map[string][]writegate.Verb{"a": all, "k": all},
		},
		"one table by two keys": {
			base,
			[]writegate.TableRef{{Name: "a"}, {Name: "c", Source: "a", Key: "n"}},
			map[string][]writegate.Verb{"a": all, "c": all},
		},
		"one table by one key": {
			base,
			[]writegate.TableRef{{Name: "a"}, {Name: "c", Source: "public.a"}},
			map[string][]writegate.Verb{"a": nil, "c": nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			schema, err := open(t, Config{DSN: database(t, c.ddl)}).Schema(t.Context(), c.refs)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][]writegate.Verb{}
			for name, table := range schema {
				got[name] = table.Reacts
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
