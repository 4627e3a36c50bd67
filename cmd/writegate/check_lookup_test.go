package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"strings"
	"testing"

	"writegate/internal/mysqltest"
	"writegate/internal/pgtest"
)

// lookupGate is [gateYAML] with tokens that are made of a row of people.
var lookupGate = strings.NewReplacer("key_file: key.pem", "key_file: key.pem, jwks_uri: 'https://id.example'",
	"}\npolicy", "}\nissue: {url: \"https://x\", lookup: {table: people, where: {org: sub}, select: [tenant]}, claims: {tenant: row.tenant}}\npolicy").Replace(gateYAML)

const listsYAML = `policy: 1
claims: {sub: {path: sub, type: text, required: true}}
tables:
  lists:
    rules: [{name: all, ops: [create, update], row: row.owner_id == claims.sub}]
`

// TestCheckLookup does the lookup of tokens once, with the rights of the login or of the role that it becomes.
func TestCheckLookup(t *testing.T) {
	admin := pgtest.Fresh(t)
	login, dsn := newLogin(t, admin)
	role, _ := newLogin(t, admin)
	execute(t, admin, `create table lists (id uuid primary key, owner_id text)`,
		`create table people (id uuid primary key, org uuid not null, tenant text, secret text)`,
		`create publication powersync for table lists`,
		`alter table people enable row level security`,
		`create policy own on people using (org = (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid)`,
		`grant select, insert, update, delete on lists to `+login+`, `+role,
		`grant `+role+` to `+login, `do $$ begin execute format('grant create on database %I to `+login+`', current_database()); end $$`)
	t.Setenv("TEST_DSN", dsn)
	for name, tt := range map[string]struct{ database, grant, want string }{
		"no right":         {"", "", "gate.yaml: error: issue.lookup: the database refuses it, so no token could be made: ERROR: permission denied for table people (SQLSTATE 42501); grant select on people to the login"},
		"one column short": {"", "grant select (id, tenant) on people to " + login, "gate.yaml: error: issue.lookup: the database refuses it, so no token could be made: ERROR: permission denied for table people (SQLSTATE 42501); grant select on people to the login"},
		"its columns":      {"", "grant select (id, org, tenant) on people to " + login, ""},
		"no right of role": {", rls: {role: " + role + "}", "", "gate.yaml: error: issue.lookup: the database refuses it, so no token could be made: ERROR: permission denied for table people (SQLSTATE 42501); grant select on people to " + role},
		"right of role":    {", rls: {role: " + role + "}", "grant select on people to " + role, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if execute(t, admin, "revoke all on people from "+login+", "+role); tt.grant != "" {
				execute(t, admin, tt.grant)
			}
			written(t, map[string]string{"gate.yaml": strings.Replace(lookupGate, "}\nissue", tt.database+"}\nissue", 1), "policy.yaml": listsYAML})
			_, stdout, stderr := command(t, "check", "--config", "gate.yaml")
			if faults := strings.Count(stderr, "error: "); faults > 1 || (faults == 1) != (tt.want != "") || !strings.Contains(stderr, tt.want) {
				t.Errorf("%s%s\nwant %s", stdout, stderr, tt.want)
			}
		})
	}
}

// TestCheckLookupMySQL does it with a login that sees the table and may not read all that a token needs of it.
func TestCheckLookupMySQL(t *testing.T) {
	for _, variable := range []string{"WRITEGATE_TEST_MYSQL", "WRITEGATE_TEST_MARIADB"} {
		t.Run(variable, func(t *testing.T) {
			login := "wg_" + strings.ToLower(rand.Text()[:12])
			c := mysqltest.Fresh(t, variable)
			db, err := sql.Open("mysql", c.FormatDSN())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _, _ = db.ExecContext(context.Background(), "drop user "+login); _ = db.Close() })
			for _, statement := range []string{
				"create table lists (id char(36) primary key, owner_id varchar(40))",
				"create table people (id char(36) primary key, org varchar(40), tenant varchar(40), secret text)",
				"create user " + login, "grant all on lists to " + login, "grant select (id, org, secret), insert (tenant) on people to " + login,
			} {
				if _, err := db.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			c.User, c.Passwd = login, ""
			t.Setenv("TEST_DSN", c.FormatDSN())
			written(t, map[string]string{"gate.yaml": strings.Replace(lookupGate, "postgres", "mysql", 1), "policy.yaml": listsYAML})
			_, stdout, stderr := command(t, "check", "--config", "gate.yaml")
			if want := "gate.yaml: error: issue.lookup: the database refuses it, so no token could be made: "; !strings.Contains(stderr, want) || !strings.Contains(stderr, "; grant select on people to the login") {
				t.Errorf("%s%s\nwant %s", stdout, stderr, want)
			}
		})
	}
}
