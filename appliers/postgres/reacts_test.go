package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

func TestReacts(t *testing.T) {
	const (
		i = writegate.Insert
		u = writegate.Update
		r = writegate.Remove
	)
	const plain = "create table a (id text primary key, n int unique, s text default 'x', g int generated always as (n + 1) stored);"
	const function = plain + "create function f() returns trigger language plpgsql as $$ begin return new; end $$;"
	const partition = `create table a (id text primary key, n int) partition by hash (id); create table a0 partition of a for values with (modulus 1, remainder 0);
		create function f() returns trigger language plpgsql as $$ begin return new; end $$;`
	cases := map[string]struct {
		ddl  string
		want []writegate.Verb
	}{
		"nothing":                     {plain, nil},
		"insert trigger":              {function + "create trigger f before insert on a for each row execute function f()", []writegate.Verb{i}},
		"update trigger":              {function + "create trigger f after update of n on a for each row execute function f()", []writegate.Verb{u}},
		"delete trigger":              {function + "create trigger f after delete on a for each statement execute function f()", []writegate.Verb{r}},
		"one trigger for two":         {function + "create trigger f after insert or delete on a for each row execute function f()", []writegate.Verb{i, r}},
		"truncate trigger":            {function + "create trigger f after truncate on a execute function f()", nil},
		"disabled trigger":            {function + "create trigger f after update on a for each row execute function f(); alter table a disable trigger f", nil},
		"constraint trigger":          {function + "create constraint trigger f after update on a deferrable initially deferred for each row execute function f()", []writegate.Verb{u}},
		"trigger of a partition":      {partition + "create trigger f after insert on a0 for each row execute function f()", []writegate.Verb{i}},
		"trigger of a child":          {function + "create table b () inherits (a); create trigger f after update on b for each row execute function f()", []writegate.Verb{u}},
		"rule":                        {plain + "create rule f as on delete to a do also notify f", []writegate.Verb{i, u, r}},
		"refers":                      {plain + "create table b (id text primary key); alter table a add foreign key (s) references b on delete cascade on update cascade deferrable initially deferred", nil},
		"is referred to":              {plain + "create table b (id text references a)", nil},
		"restricts":                   {plain + "create table b (id text references a on delete restrict on update restrict)", nil},
		"cascades a removal":          {plain + "create table b (id text references a on delete cascade)", []writegate.Verb{r}},
		"sets null after a removal":   {plain + "create table b (id text references a on delete set null)", []writegate.Verb{r}},
		"sets default after removals": {plain + "create table b (id text references a on delete set default)", []writegate.Verb{r}},
		"cascades a new key":          {plain + "create table b (id text references a on update cascade)", nil},
		"cascades an update":          {plain + "create table b (n int references a (n) on update cascade)", []writegate.Verb{u}},
		"sets null after an update":   {plain + "create table b (n int references a (n) on update set null)", []writegate.Verb{u}},
		"cascades from a partition":   {partition + "create table b (id text references a0 on delete cascade)", []writegate.Verb{r}},
		"cascades from partitions":    {partition + "create table b (id text references a on delete cascade)", []writegate.Verb{r}},
		"view":                        {"create table b (id text); create view a as select id from b", []writegate.Verb{i, u, r}},
	}
	dsn := database(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			run(t, dsn, "drop schema public cascade; create schema public", c.ddl)
			db := open(t, Config{DSN: dsn})
			schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "a", Key: "id"}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, schema["a"].Reacts); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("asked by a partition", func(t *testing.T) {
		run(t, dsn, "drop schema public cascade; create schema public", partition+"create trigger f after update on a for each row execute function f(); create table b (id text references a on delete cascade)")
		got := tables(t, open(t, Config{DSN: dsn}), "a0")["a0"].Reacts
		if diff := cmp.Diff([]writegate.Verb{u, r}, got); diff != "" {
			t.Error(diff)
		}
	})
}
