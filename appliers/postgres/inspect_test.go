package postgres

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// as makes a DSN for another login.
func as(t *testing.T, dsn, login string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(login)
	return u.String()
}

// inspected says findings in one line each: level, table, verb in brackets, message.
func inspected(t *testing.T, db *DB, login string, names ...string) []string {
	t.Helper()
	found, err := db.Inspect(t.Context(), tables(t, db, names...))
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, f := range found {
		level := map[bool]string{true: "fault", false: "warning"}[f.Fault]
		verb := map[writegate.Verb]string{writegate.Insert: " [insert]", writegate.Update: " [update]", writegate.Remove: " [remove]"}[f.Verb]
		line := level + " " + f.Table + verb + ": " + f.Message
		lines = append(lines, strings.ReplaceAll(line, login, "LOGIN"))
	}
	slices.Sort(lines) // the name of the login decided before
	return lines
}

func TestInspect(t *testing.T) {
	const ready = "create publication powersync for table lists; grant select, insert, update, delete on lists to LOGIN; alter role LOGIN set synchronous_commit = on;"
	own := DDL(Config{}) + "grant usage on schema writegate to LOGIN; grant select, insert, update, delete on all tables in schema writegate to LOGIN;"
	tests := []struct {
		name, setup string
		noOwn       bool
		want        []string
	}{
		{"all is well", ready + own, false, nil},
		{"no own tables wanted", ready, true, nil},
		{"own tables missing", ready, false, []string{
			"fault : writegate's own tables are missing or older than this program, and the login may not make them; run what `writegate schema ddl` prints",
		}},
		{"own tables missing, may be made", ready + "create schema writegate authorization LOGIN;", false, []string{
			"warning : writegate's own tables are missing or older than this program; serve makes them, or run what `writegate schema ddl` prints",
		}},
		{"own tables older", ready + own + "delete from writegate.writegate_steps;", false, []string{
			"fault : writegate's own tables are missing or older than this program, and the login may not make them; run what `writegate schema ddl` prints",
		}},
		{"own schema closed", ready + DDL(Config{}), false, []string{
			"fault : the login may not use the schema writegate of writegate's own tables; grant usage on it",
		}},
		{"own grants missing", ready + own + "revoke delete on writegate.writegate_ledger from LOGIN; revoke select on writegate.writegate_steps from LOGIN;", false, []string{
			"fault : the login lacks grants on writegate's own tables: writegate_ledger (delete), writegate_steps (select); `writegate schema ddl` prints what to grant",
		}},
		{"read-only login", ready + "alter role LOGIN set default_transaction_read_only = on;", true, []string{
			"fault : transactions are read-only by default; set default_transaction_read_only = off for the login or the database",
		}},
		{"commits that a crash forgets", ready + "alter role LOGIN set synchronous_commit = off;", true, []string{
			"warning : synchronous_commit or fsync is off, so a crash of the server loses writes that devices were told are done; set both to on",
		}},
		{"publication of everything", "create publication everything for all tables;" + ready + own, false, []string{
			"warning : a publication has the tables of the schema writegate in it, so every write is replicated twice; list the tables of the app instead of FOR ALL TABLES",
		}},
		{"no publication", ready + "drop publication powersync;", true, []string{
			"warning : there is no publication powersync, so a PowerSync service has nothing to read here; create publication powersync for table …",
		}},
		{"no grants", ready + "revoke all on lists from LOGIN; grant select (id) on lists to LOGIN;", true, []string{
			"warning lists: LOGIN may select only some columns of public.lists, not name, twice; grant select on public.lists to LOGIN",
			"fault lists [remove]: LOGIN may not delete; grant delete on public.lists to LOGIN",
			"fault lists [insert]: LOGIN may not insert; grant insert on public.lists to LOGIN",
			"fault lists [update]: LOGIN may not update; grant update on public.lists to LOGIN",
			"fault lists: rows are locked before they are judged, and where a lookup finds them, which needs the right to update; grant update on public.lists, or on one column of it, to LOGIN",
		}},
		{"only looked up, but not to be locked", ready + "revoke all on lists from LOGIN; grant select on lists to LOGIN;", true, []string{
			"fault lists [remove]: LOGIN may not delete; grant delete on public.lists to LOGIN",
			"fault lists [insert]: LOGIN may not insert; grant insert on public.lists to LOGIN",
			"fault lists [update]: LOGIN may not update; grant update on public.lists to LOGIN",
			"fault lists: rows are locked before they are judged, and where a lookup finds them, which needs the right to update; grant update on public.lists, or on one column of it, to LOGIN",
		}},
		{"only looked up, and may be locked", ready + "revoke all on lists from LOGIN; grant select, update (name) on lists to LOGIN;", true, []string{
			"fault lists [remove]: LOGIN may not delete; grant delete on public.lists to LOGIN",
			"fault lists [insert]: LOGIN may not insert; grant insert on public.lists to LOGIN",
			"warning lists [update]: LOGIN may update only some columns of public.lists, not id; grant update on public.lists to LOGIN",
		}},
		{"grants on columns", ready + "revoke insert, update on lists from LOGIN; grant insert (name), update (name) on lists to LOGIN;", true, []string{
			"fault lists [insert]: LOGIN may insert only some columns of public.lists, not id; grant insert on public.lists to LOGIN",
			"warning lists [update]: LOGIN may update only some columns of public.lists, not id; grant update on public.lists to LOGIN",
		}},
		{"row-level security without a policy", ready + "alter table lists enable row level security;", true, []string{
			"fault lists: row-level security is on and has no policy, so LOGIN sees no row of public.lists; write one, or set database.rls",
		}},
		{"row-level security with a policy", ready + "alter table lists enable row level security; create policy p on lists using (name = 'a');", true, []string{
			"warning lists: row-level security hides rows of public.lists from LOGIN, who is not the user; set database.rls, or let LOGIN pass by it",
		}},
		{"no replica identity", ready + "alter table lists replica identity nothing;", true, []string{
			"fault lists: public.lists is published but has no replica identity, so the database refuses updates and deletes; add a primary key, or alter table public.lists replica identity using index …",
		}},
		{"unlogged", "alter table lists set unlogged; create publication powersync;" + strings.TrimPrefix(ready, "create publication powersync for table lists;"), true, []string{
			"warning lists: public.lists is unlogged: a crash empties it, and the sync service never sees it; alter table public.lists set logged",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			login := role(t, "login")
			dsn := database(t, "create table lists (id text primary key, name text, twice text generated always as (name || name) stored)",
				strings.ReplaceAll(tt.setup, "LOGIN", login))
			t.Cleanup(func() { run(t, dsn, "drop publication if exists powersync, everything", "drop owned by "+login) })
			db := open(t, Config{DSN: as(t, dsn, login), NoOwnTables: tt.noOwn, ReadOnly: true})
			slices.Sort(tt.want)
			if diff := cmp.Diff(append([]string{}, tt.want...), inspected(t, db, login, "lists")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestInspectDelegated looks at the rights of the role that rows are written under, not at those of the login.
func TestInspectDelegated(t *testing.T) {
	login, user := role(t, "login"), role(t, "")
	dsn := database(t, "grant "+user+" to "+login, rlsSetup+user, "alter role "+login+" set synchronous_commit = on",
		"create publication powersync for table notes", "revoke delete on notes from "+user)
	t.Cleanup(func() { run(t, dsn, "drop publication powersync", "drop owned by "+login+", "+user) })
	db := open(t, Config{DSN: as(t, dsn, login), RLS: &RLS{Role: user}, NoOwnTables: true})
	want := []string{"fault notes [remove]: USER may not delete; grant delete on public.notes to USER"}
	if diff := cmp.Diff(want, strings.Split(strings.ReplaceAll(strings.Join(inspected(t, db, login, "notes"), "\n"), user, "USER"), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestListAndVersion(t *testing.T) {
	login := role(t, "login")
	dsn := database(t, DDL(Config{}))
	t.Cleanup(func() { run(t, dsn, "drop owned by "+login) })
	run(t, dsn, strings.ReplaceAll(`create table lists (id text primary key); create schema app; create table app.todos (id text primary key);
		create table app.lists (id text primary key); create table "a.b" (id text primary key); create schema "x.y"; create table "x.y".z (id text primary key);
		create view shown as select * from lists; create materialized view frozen as select * from lists; create table writegate_mine (id text);
		create table parted (id text primary key) partition by hash (id); create table part partition of parted for values with (modulus 1, remainder 0);
		create table hidden (id text primary key); create table "Lists" (id text primary key); create table narrow (id text primary key, secret text);
		grant usage on schema app, "x.y" to LOGIN; grant select on all tables in schema public, app, "x.y" to LOGIN;
		revoke select on hidden, narrow from LOGIN; grant select (id) on narrow to LOGIN`, "LOGIN", login))
	db := open(t, Config{DSN: as(t, dsn, login), ReadOnly: true})
	got, err := db.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Lists", "app.lists", "app.todos", "lists", "narrow", "parted", "public.a.b", "shown"}, got); diff != "" {
		t.Error(diff)
	}
	refs := make([]writegate.TableRef, len(got))
	for i, name := range got {
		refs[i] = writegate.TableRef{Name: name, Key: "id"}
	}
	if _, err := db.Schema(t.Context(), refs); err != nil {
		t.Errorf("what List names, Schema does not find: %v", err)
	}
	version, err := db.Version(t.Context())
	if want := "PostgreSQL " + strings.Fields(scalar(t, dsn, "show server_version"))[0]; err != nil || version != want {
		t.Errorf("version %q, %v; want %q", version, err, want)
	}
	t.Log(version)
}
