package postgres

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// TestUnreadableValues writes values that only the server understands, and whose errors look like the schema's.
func TestUnreadableValues(t *testing.T) {
	dsn := database(t, `create extension hstore; create extension ltree;
		create table odd (id text primary key, h hstore, l ltree, ls ltree[], v tsvector, q tsquery, j jsonpath, r regclass, f regprocedure, y regtype, ok ltree);
		create table broken (id text primary key, l ltree, r regclass);
		create function gone() returns trigger language plpgsql as $$ begin insert into nowhere values (new.id); return new; end $$;
		create trigger gone before insert on broken for each row execute function gone()`)
	db := open(t, Config{DSN: dsn})
	schema := tables(t, db, "odd", "broken")
	for _, c := range []struct{ column, value string }{
		{"h", "a=>"},
		{"l", "a..b"},
		{"l", "a b!"},
		{"ls", `["a", "b..c"]`},
		{"v", "'foo"},
		{"q", "a & "},
		{"j", "$.["},
		{"r", "nope"},
		{"r", "a.b.c.d"},
		{"r", "other.public.odd"},
		{"f", "nope()"},
		{"y", "nope"},
	} {
		t.Run(c.column+" "+c.value, func(t *testing.T) {
			value, err := schema["odd"].Column(c.column).Convert(c.value)
			if err != nil {
				t.Fatal(err)
			}
			var changes []writegate.Change
			for i := range mergeFrom {
				changes = append(changes, insert(schema["odd"], fmt.Sprint(i), writegate.Row{c.column: nil, "ok": "a.b"}))
			}
			changes[mergeFrom/2].Set[c.column] = value
			want := told{
				Class: writegate.Refused, Code: writegate.InvalidData, Message: "odd." + c.column + ": a value does not fit its column.",
				Table: "odd", Column: c.column, Index: mergeFrom / 2,
			}
			blamed := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
				tx.Blame()
				return tx.Write(t.Context(), changes)
			})
			if diff := cmp.Diff(want, tell(blamed)); diff != "" {
				t.Error(writegate.AsError(blamed).Cause, diff)
			}
			got := tell(write(t, db, changes...))
			if got.Message != want.Message && c.column != "v" && c.column != "h" { // of those SQLSTATEs the server's word is enough
				t.Errorf("as a set: %+v", got)
			}
			if got.Class != writegate.Refused || got.Code != writegate.InvalidData || got.Index != -1 {
				t.Errorf("as a set: %+v", got)
			}
		})
	}
	for _, value := range []writegate.Row{{"l": "a.b"}, {"r": "odd"}, nil} {
		if got := tell(write(t, db, insert(schema["broken"], "x", value))); got.Class != writegate.Operator {
			t.Errorf("a trigger that writes to a missing table is %+v, want class operator", got)
		}
	}
	run(t, dsn, "alter table odd alter l type text, alter ls type text, alter ok type text; drop extension ltree cascade")
	if got := tell(write(t, db, insert(schema["odd"], "x", writegate.Row{"l": "a.b"}))); got.Class != writegate.Operator {
		t.Errorf("a type that is gone is %+v, want class operator", got)
	}
}

func TestRaised(t *testing.T) {
	dsn := database(t, `create table ruled (id text primary key, a text);
		create function f() returns trigger language plpgsql as $$ declare x int; begin
			case new.a when 'case' then case 1 when 2 then null; end case; else null; end case;
			if new.a = 'strict' then select 1 into strict x where false; end if;
			if new.a = 'many' then x := (select g from generate_series(1, 2) g); end if;
			if new.a = 'assert' then assert false; end if;
			if new.a like '_____' then raise exception 'no' using errcode = new.a; end if;
			return new; end $$;
		create trigger f before insert on ruled for each row execute function f()`)
	db := open(t, Config{DSN: dsn})
	ruled := tables(t, db, "ruled")["ruled"]
	want := told{Class: writegate.Refused, Code: writegate.ConstraintViolation, Reason: "db.raised", Message: "ruled: a rule in the database refuses this row.", Table: "ruled"}
	for _, how := range []string{"case", "strict", "many", "assert", "PT409", "UE001", "45000", "09000", "27000"} {
		if diff := cmp.Diff(want, tell(write(t, db, insert(ruled, "x", writegate.Row{"a": how})))); diff != "" {
			t.Errorf("%s: %s", how, diff)
		}
	}
	if err := write(t, db, insert(ruled, "x", writegate.Row{"a": "fine"})); err != nil {
		t.Error(err)
	}
}

// TestMissingGrants shows that what the operator forgot never costs a client its write.
func TestMissingGrants(t *testing.T) {
	login := role(t, "login")
	dsn := database(t, "create table lists (id text primary key, name text); insert into lists values ('l1', 'a'); create schema app; create table app.odd (id text primary key, l regclass)",
		DDL(Config{}), "grant all on schema writegate to "+login+"; grant all on all tables in schema writegate to "+login+"; grant all on all sequences in schema writegate to "+login)
	t.Cleanup(func() { run(t, dsn, "drop owned by "+login) })
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(login)
	db := open(t, Config{DSN: u.String()})
	lists := tables(t, db, "lists")["lists"]
	changes := map[string]writegate.Change{
		"insert": insert(lists, "l2", writegate.Row{"name": "b"}), "update": update(lists, "l1", writegate.Row{"name": "b"}), "delete": remove(lists, "l1"),
	}
	for missing, change := range changes {
		run(t, dsn, "revoke all on lists from "+login, "grant select, insert, update, delete on lists to "+login, "revoke "+missing+" on lists from "+login)
		for _, blame := range []bool{false, true} {
			err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
				if blame {
					tx.Blame()
				}
				return tx.Write(t.Context(), []writegate.Change{change})
			})
			want := told{Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: "The database is not set up for this write yet.", Index: -2}
			if diff := cmp.Diff(want, tell(err)); diff != "" {
				t.Errorf("without the right to %s: %s", missing, diff)
			}
		}
	}
	run(t, dsn, "revoke all on lists from "+login, "grant select, insert, delete on lists to "+login)
	err = db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		_, err := tx.Load(t.Context(), []writegate.Read{{Table: lists, Keys: []any{"l1"}, Lock: writegate.ForUpdate}})
		return err
	})
	if got := tell(err); got.Class != writegate.Operator {
		t.Errorf("a load without the right to update is %+v, want class operator", got)
	}
}

func TestNumericKeys(t *testing.T) {
	dsn := database(t, "create table n (id numeric primary key, price numeric); insert into n values (1.50, 1.50), (100, 0), (0.0, 0), (-7.000, 0); create table p (id numeric(9,2) primary key); insert into p values (2.5)")
	db := open(t, Config{DSN: dsn})
	schema := tables(t, db, "n", "p")
	n, p := schema["n"], schema["p"]
	for wire, want := range map[string]string{"1.5": "1.5", "1.500": "1.5", "15e-1": "1.5", "100": "100", "100.0": "100", "1e2": "100", "0.00": "0", "-7": "-7", "NaN": "NaN"} {
		key, err := n.Column("id").Convert(wire)
		if err != nil || key != want {
			t.Fatalf("%s is the key %v, %v, want %s", wire, key, err, want)
		}
		if found := load(t, db, writegate.Read{Table: n, Keys: []any{key}})[0]; want != "NaN" && found[key] == nil {
			t.Errorf("%s is not found", wire)
		}
	}
	if got, _ := n.Column("price").Convert("1.50"); got != "1.50" {
		t.Errorf("a column that is no key is %v, want it as it is", got)
	}
	if got := load(t, db, writegate.Read{Table: n, Keys: []any{"1.5"}, Columns: []string{"id", "price"}})[0]; !cmp.Equal(got, map[any]writegate.Row{"1.5": {"id": "1.5", "price": "1.50"}}) {
		t.Errorf("found %v", got)
	}
	key, err := p.Column("id").Convert("2.50")
	if err != nil || load(t, db, writegate.Read{Table: p, Keys: []any{key}})[0][key] == nil {
		t.Errorf("%v is not found, %v", key, err)
	}
}
