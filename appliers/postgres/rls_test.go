package postgres

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// role makes a role of the test's own, which belongs to the whole server.
func role(t *testing.T, options string) string {
	t.Helper()
	name := "wg_" + strings.ToLower(rand.Text()[:12])
	dsn := server(t)
	run(t, dsn, "create role "+name+" "+options)
	t.Cleanup(func() { run(t, dsn, "drop role "+name) })
	return name
}

const rlsSetup = `
create table notes (id text primary key, owner text not null default current_setting('app.user_id'), text text);
alter table notes enable row level security;
create policy mine on notes using (owner = current_setting('request.jwt.claims')::json->>'sub') with check (owner = current_setting('app.user_id'));
insert into notes values ('n1', 'u1', 'mine'), ('n2', 'u2', 'theirs');
grant select, insert, update, delete on notes to `

func TestRLS(t *testing.T) {
	delegate := role(t, "nologin")
	dsn := database(t, rlsSetup+delegate)
	db := open(t, Config{DSN: dsn, RLS: &RLS{Role: delegate}})
	notes := tables(t, db, "notes")["notes"]
	if !db.Delegates() {
		t.Error("nobody is told that row-level security decides")
	}

	reads := writegate.Read{Table: notes, Keys: []any{"n1", "n2"}, Columns: []string{"owner"}, Lock: writegate.ForUpdate}
	want := []map[any]writegate.Row{{"n1": {"id": "n1", "owner": "u1"}}}
	if diff := cmp.Diff(want, load(t, db, reads)); diff != "" {
		t.Error(diff)
	}
	if err := write(t, db, insert(notes, "n3", writegate.Row{"text": "new"}), update(notes, "n1", writegate.Row{"text": "changed"})); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change writegate.Change
		want   told
	}{
		"insert for another": {
			insert(notes, "n4", writegate.Row{"owner": "u2"}),
			told{Class: writegate.Refused, Code: writegate.Unauthorized, Reason: "not_writable", Message: "notes: this row can't be written by this user.", Table: "notes"},
		},
		"give away": {
			update(notes, "n1", writegate.Row{"owner": "u2"}),
			told{Class: writegate.Refused, Code: writegate.Unauthorized, Reason: "not_writable", Message: "notes: this row can't be written by this user.", Table: "notes"},
		},
		"update unseen": {
			update(notes, "n2", writegate.Row{"text": "stolen"}),
			told{Class: writegate.Refused, Code: writegate.Unauthorized, Reason: "not_writable", Message: "notes: this row can't be written by this user.", Table: "notes"},
		},
		"create unseen": {
			insert(notes, "n2", writegate.Row{"text": "stolen"}),
			told{Class: writegate.Rerun, Code: writegate.Conflict, Race: true, Message: "The row changed in the meantime; the write is worth trying again."},
		},
	} {
		if diff := cmp.Diff(c.want, tell(write(t, db, c.change))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if err := write(t, db, remove(notes, "n2")); err != nil {
		t.Errorf("removing an unseen row: %v", err)
	}
	got := scalar(t, dsn, "select string_agg(id || owner || text, ' ' order by id) from notes")
	if got != "n1u1changed n2u2theirs n3u1new" {
		t.Errorf("rows are %s", got)
	}
}

// TestRLSAroundTheLedger shows that claim and settle run as the login, load and write as the caller, and that
// nothing of the caller stays on the connection.
func TestRLSAroundTheLedger(t *testing.T) {
	delegate := role(t, "nologin")
	dsn := database(t, rlsSetup+delegate)
	db := open(t, Config{DSN: dsn, MaxConns: 1, RLS: &RLS{Role: delegate}})
	notes := tables(t, db, "notes")["notes"]
	reads := []writegate.Read{{Table: notes, Keys: []any{"n1"}, Columns: []string{"owner"}, Lock: writegate.ForUpdate}}
	for round := range int64(2) {
		if err := chunk(t.Context(), db, 1+round, reads, []writegate.Change{update(notes, "n1", writegate.Row{"text": "changed"})}); err != nil {
			t.Fatal(err)
		}
	}
	if got := scalar(t, dsn, "select count(*)::text from writegate.writegate_ledger"); got != "2" {
		t.Errorf("%s ledger rows, want 2", got)
	}
	var who, user, claims string
	if err := db.pool.QueryRow(t.Context(), "select current_user::text, coalesce(current_setting('app.user_id', true), ''), coalesce(current_setting('request.jwt.claims', true), '')").Scan(&who, &user, &claims); err != nil {
		t.Fatal(err)
	}
	if who == delegate || user != "" || claims != "" {
		t.Errorf("the connection is still %s, %q, %q", who, user, claims)
	}
}

func TestRLSConfiguration(t *testing.T) {
	dsn := database(t, "")
	plain, passing, nosy := role(t, "nologin"), role(t, "nologin bypassrls"), role(t, "nologin")
	_ = open(t, Config{DSN: dsn, RLS: &RLS{Role: plain}})
	run(t, dsn, "grant usage on schema writegate to "+nosy)
	t.Cleanup(func() { run(t, dsn, "drop owned by "+nosy) })
	for role, want := range map[string]string{
		"wg_nobody": "does not exist",
		passing:     "passes by row-level security",
		nosy:        "must have no rights",
	} {
		_, err := Open(t.Context(), Config{DSN: dsn, RLS: &RLS{Role: role}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", role, err, want)
		}
	}
}

// TestRLSKeepsWhatItHides has policies that let a row be seen, but neither changed nor, for some, deleted.
func TestRLSKeepsWhatItHides(t *testing.T) {
	delegate := role(t, "nologin")
	dsn := database(t, `create table notes (id text primary key, n int, rule text);
		alter table notes enable row level security;
		create policy seen on notes for select using (rule <> 'hidden');
		create policy changed on notes for update using (rule = 'changed' or rule = 'hidden');
		create policy deleted on notes for delete using (rule = 'deleted' or rule = 'hidden');
		create policy added on notes for insert with check (true);
		grant select, insert, update, delete on notes to `+delegate)
	db := open(t, Config{DSN: dsn, RLS: &RLS{Role: delegate}})
	notes := tables(t, db, "notes")["notes"]
	refused := told{Class: writegate.Refused, Code: writegate.Unauthorized, Reason: "not_writable", Message: "notes: this row can't be written by this user.", Table: "notes"}
	for _, c := range []struct {
		rule           string
		seen           bool
		update, remove told
		left           string
	}{
		{"kept", true, refused, refused, "kept"},
		{"deleted", true, refused, told{}, "<null>"},
		{"changed", true, told{}, refused, "changed"},
		{"hidden", false, refused, told{}, "hidden"}, // told apart from no row by nobody
	} {
		t.Run(c.rule, func(t *testing.T) {
			run(t, dsn, "delete from notes", "insert into notes select i::text, 0, '"+c.rule+"' from generate_series(1, 30) i")
			for _, lock := range []writegate.Lock{writegate.Unlocked, writegate.ForShare, writegate.ForUpdate} {
				got := load(t, db, writegate.Read{Table: notes, Keys: []any{"1", "none"}, Columns: []string{"rule"}, Lock: lock})[0]
				want := map[any]writegate.Row{}
				if c.seen {
					want["1"] = writegate.Row{"id": "1", "rule": c.rule}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("lock %d: %s", lock, diff)
				}
			}
			if diff := cmp.Diff(c.update, tell(write(t, db, update(notes, "1", writegate.Row{"n": int64(1)})))); diff != "" {
				t.Errorf("update: %s", diff)
			}
			if diff := cmp.Diff(c.remove, tell(write(t, db, remove(notes, "1"), remove(notes, "none"), insert(notes, "2"+c.rule, writegate.Row{"rule": c.rule})))); diff != "" {
				t.Errorf("remove: %s", diff)
			}
			set := make([]writegate.Change, mergeFrom)
			for i := range set {
				set[i] = remove(notes, string(rune('1'+i%9))+strings.Repeat("0", i/9))
			}
			want := c.remove
			if want.Class != 0 {
				want.Index = -1
			}
			if diff := cmp.Diff(want, tell(write(t, db, set...))); diff != "" {
				t.Errorf("removal of a set: %s", diff)
			}
			if got := scalar(t, dsn, "select min(rule) from notes where length(id) = 1"); got != c.left {
				t.Errorf("%s is left, want %s", got, c.left)
			}
		})
	}
}

// TestRLSDeferred has a deferred trigger write where the caller may not, whatever the order of the statements.
func TestRLSDeferred(t *testing.T) {
	delegate := role(t, "nologin")
	dsn := database(t, rlsSetup+delegate, `create table secrets (id text primary key, who text);
		alter table secrets enable row level security;
		create policy nobody on secrets using (id = 'none');
		insert into secrets values ('s', 'nobody');
		create function reveal() returns trigger language plpgsql as $$ begin
			update secrets set who = current_user;
			if new.text = 'bad' then raise check_violation; end if;
			insert into seen values (new.id, current_user);
			return null;
		end $$;
		create constraint trigger reveal after insert or update on notes deferrable initially deferred for each row execute function reveal();
		create table seen (id text, who text);
		grant all on secrets, seen to `+delegate)
	db := open(t, Config{DSN: dsn, RLS: &RLS{Role: delegate}})
	notes := tables(t, db, "notes")["notes"]
	reads := []writegate.Read{{Table: notes, Keys: []any{"n1"}, Columns: []string{"text"}, Lock: writegate.ForUpdate}}
	steps := map[string]func(writegate.Tx) error{
		"write": func(tx writegate.Tx) error {
			return tx.Write(t.Context(), []writegate.Change{update(notes, "n1", writegate.Row{"text": "good"})})
		},
		"bad": func(tx writegate.Tx) error {
			return tx.Write(t.Context(), []writegate.Change{update(notes, "n1", writegate.Row{"text": "bad"})})
		},
		"load":   func(tx writegate.Tx) error { _, err := tx.Load(t.Context(), reads); return err },
		"settle": func(tx writegate.Tx) error { return tx.Settle(t.Context(), writegate.Settlement{}) },
	}
	refused := told{Index: -1, Class: writegate.Refused, Code: writegate.CheckViolation, Message: "The database refuses this write: does not meet a check of the database."}
	for order, want := range map[string]struct {
		fired string
		err   told
	}{
		"write":                  {fired: "1"},
		"write settle":           {fired: "1"},
		"write load":             {fired: "1"},
		"write load settle":      {fired: "1"},
		"write load write":       {fired: "2"},
		"load write load settle": {fired: "1"},
		"bad load write":         {fired: "0", err: refused},
		"bad settle":             {fired: "0", err: refused},
		"load bad load":          {fired: "0", err: refused},
		"load settle":            {fired: "0"},
	} {
		t.Run(order, func(t *testing.T) {
			run(t, dsn, "truncate seen")
			var late bool
			err := db.InTx(t.Context(), writegate.Caller{Subject: "u1", Claims: map[string]any{"sub": "u1"}}, func(tx writegate.Tx) error {
				for step := range strings.FieldsSeq(order) {
					if err := steps[step](tx); err != nil {
						return err
					}
				}
				late = true
				return nil
			})
			if diff := cmp.Diff(want.err, tell(err)); diff != "" || !late {
				t.Errorf("at the end: %v, %s", late, diff)
			}
			if got := scalar(t, dsn, "select count(*)::text from seen where who = '"+delegate+"'"); got != want.fired {
				t.Errorf("the trigger ran %s times as the role, want %s", got, want.fired)
			}
			if got := scalar(t, dsn, "select who from secrets"); got != "nobody" {
				t.Errorf("%s wrote what the role must not", got)
			}
		})
	}
}

func TestRLSInactive(t *testing.T) {
	delegate := role(t, "nologin")
	const (
		policy   = "alter table notes enable row level security; create policy mine on notes using (owner = 'u1');"
		owned    = "has policies, but row-level security is not active"
		forOwner = "acts for its owner"
		warning  = "row-level security is not active on a table"
	)
	for name, c := range map[string]struct{ ddl, table, fault, warning string }{
		"active":                   {policy, "notes", "", ""},
		"enabled without a policy": {"alter table notes enable row level security", "notes", "", ""},
		"no policies":              {"", "notes", "", warning},
		"not enabled":              {policy + "alter table notes disable row level security", "notes", "notes: table public.notes " + owned, ""},
		"the role's own":           {policy + "alter table notes owner to " + delegate, "notes", "notes: table public.notes " + owned, ""},
		"the role's own, forced":   {policy + "alter table notes owner to " + delegate + "; alter table notes force row level security", "notes", "", ""},
		"view":                     {policy + "create view v as select * from notes", "v", "v: view public.v " + forOwner, ""},
		"view of an open table":    {"create view v as select * from notes", "v", "v: view public.v " + forOwner, warning},
		"the role's own view":      {policy + "create view v as select * from notes; alter view v owner to " + delegate, "v", "", ""},
		"a view below it":          {policy + "create view u as select * from notes; create view v as select * from u; alter view v owner to " + delegate, "v", "v: view public.u " + forOwner, ""},
		"a table below it":         {"create view v as select * from notes; alter view v owner to " + delegate, "v", "", warning},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := database(t, "create table notes (id text primary key, owner text); grant usage, create on schema public to "+delegate, c.ddl)
			var log bytes.Buffer
			db := open(t, Config{DSN: dsn, RLS: &RLS{Role: delegate}, Log: slog.New(slog.NewTextHandler(&log, nil))})
			_, err := db.Schema(t.Context(), []writegate.TableRef{{Name: c.table, Key: "id"}})
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%v, want %q", err, c.fault)
			}
			if got := log.String(); (got == "") != (c.warning == "") || !strings.Contains(got, c.warning) {
				t.Errorf("logged %q, want %q", got, c.warning)
			}
		})
	}
	t.Run("invoker", func(t *testing.T) {
		dsn := database(t, "create table notes (id text primary key, owner text); "+policy)
		if scalar(t, dsn, "select (current_setting('server_version_num')::int >= 150000)::text") != "true" {
			t.Skip("security_invoker is of Postgres 15")
		}
		run(t, dsn, "create view v with (security_invoker = on) as select * from notes")
		db := open(t, Config{DSN: dsn, RLS: &RLS{Role: delegate}})
		if _, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "v", Key: "id"}}); err != nil {
			t.Error(err)
		}
	})
}
