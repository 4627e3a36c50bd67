package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// indexTexts writes indexes as "a,b" and "unique a", sorted.
func indexTexts(indexes []writegate.Index) []string {
	var out []string
	for _, i := range indexes {
		out = append(out, strings.TrimSpace(fmt.Sprint(map[bool]string{true: "unique "}[i.Unique], strings.Join(i.Columns, ","))))
	}
	slices.Sort(out)
	return out
}

func TestIndexes(t *testing.T) {
	const base = "create table a (id text primary key, b int, c text, d text[], e jsonb);"
	for name, c := range map[string]struct {
		ddl  string
		want []string
	}{
		"primary key":           {base, []string{"unique id"}},
		"plain, in its order":   {base + "create index on a (c, b)", []string{"c,b", "unique id"}},
		"unique, with others":   {base + "alter table a add unique (c, b); create unique index on a (b) include (c)", []string{"unique b", "unique c,b", "unique id"}},
		"hash":                  {base + "create index on a using hash (c)", []string{"c", "unique id"}},
		"partial":               {base + "create unique index on a (b) where c is null", []string{"b", "unique id"}},
		"expression":            {base + "create unique index on a (lower(c)); create unique index on a (b, lower(c), id)", []string{"b", "unique id"}},
		"for other questions":   {base + "create index on a using gin (d); create index on a using gin (e); create index on a using brin (b)", []string{"unique id"}},
		"on a descending order": {base + "create index on a (b desc nulls last, c text_pattern_ops)", []string{"b,c", "unique id"}},
		"partitioned": {
			`create table a (id text primary key, b int) partition by hash (id); create table a0 partition of a for values with (modulus 1, remainder 0);
			create index on a (b); create index on a0 (b, id)`, []string{"b", "unique id"},
		},
		"not on all partitions": {
			`create table a (id text primary key, b int) partition by hash (id); create table a0 partition of a for values with (modulus 1, remainder 0);
			create index on only a (b)`, []string{"unique id"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, indexTexts(tables(t, open(t, Config{DSN: database(t, c.ddl)}), "a")["a"].Indexes)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestInvalidIndex leaves out an index that could not be made.
func TestInvalidIndex(t *testing.T) {
	dsn := database(t, "create table a (id text primary key, b int)", "insert into a values ('1', 1), ('2', 1)")
	if _, err := connect(t, dsn).Exec(t.Context(), "create unique index concurrently broken on a (b)"); err == nil {
		t.Fatal("the index could be made")
	}
	if diff := cmp.Diff([]string{"unique id"}, indexTexts(tables(t, open(t, Config{DSN: dsn}), "a")["a"].Indexes)); diff != "" {
		t.Error(diff)
	}
}

// TestIndexNames has them by the names that clients use, and knows nothing of those of views.
func TestIndexNames(t *testing.T) {
	db := open(t, Config{DSN: database(t, "create table a (x int, y text, z text, primary key (y, x)); create index on a (z, x); create view v as select * from a")})
	schema, err := db.Schema(t.Context(), []writegate.TableRef{
		{Name: "a", Parts: []string{"who", "x"}, Columns: map[string]writegate.ColumnRef{"who": {Source: "y"}, "y": {Source: "z"}}}, {Name: "v", Key: "y"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"unique who,x", "y,x"}, indexTexts(schema["a"].Indexes)); diff != "" {
		t.Error(diff)
	}
	if got := schema["v"].Indexes; got != nil {
		t.Errorf("the indexes of a view are %v", got)
	}
}
