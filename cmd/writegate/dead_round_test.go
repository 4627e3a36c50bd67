package main

import (
	"strings"
	"testing"

	"writegate/internal/pgtest"
)

const roundPolicy = `policy: 1
claims:
  sub: {path: sub, type: text, required: true}
tables:
  lists:
    rules:
      - {name: owner, ops: [create, update], row: row.owner == claims.sub, columns: [owner, name]}
  todos:
    rules:
      - {name: all, ops: [create, update], row: "true", acknowledge: open, columns: [list_id, text]}
`

const roundUpload = `{"tx_id":1,"crud":[{"op_id":1,"op":"PUT","type":"lists","id":"l1","data":{"owner":"bob","name":"shop"}}]}
{"tx_id":2,"crud":[{"op_id":2,"op":"PUT","type":"todos","id":"t1","data":{"list_id":"l1","text":"milk"}}]}
{"tx_id":3,"crud":[{"op_id":3,"op":"PUT","type":"todos","id":"t3","data":{"list_id":"l9","text":"none"}}]}
`

// TestDeadPostgres goes all the way on Postgres: refused, listed, rehearsed, the policy mended, retried, discarded, sent
// again, pruned. The foreign key is deferred, so that only a commit finds out.
func TestDeadPostgres(t *testing.T) {
	dsn := pgtest.Fresh(t)
	execute(t, dsn, `create table lists (id text primary key, owner text not null, name text)`,
		`create table todos (id text primary key, list_id text not null references lists deferrable initially deferred, text text)`)
	t.Setenv("TEST_DSN", dsn)
	files := map[string]string{"gate.yaml": gateYAML, "policy.yaml": roundPolicy, "better.yaml": strings.Replace(roundPolicy, "row.owner == claims.sub", "row.owner != ''", 1)}
	files["better-gate.yaml"] = strings.Replace(gateYAML, "policy.yaml", "better.yaml", 1)
	written(t, files)
	uploads(t, "gate.yaml", roundUpload, "rejected rejected rejected")
	says(t, "dead list --config gate.yaml", 0, "not_writable", "\n└ ", "FOREIGN_KEY_VIOLATION")
	says(t, "dead list --config gate.yaml --table lists --since 1h --code UNAUTHORIZED --json", 0, `"client_id":"phone-1","subject":"alice","tx_id":1`)
	says(t, "dead retry --config gate.yaml --all --yes", exitFailed, "3 dead letters: ")
	says(t, "dead retry --config better-gate.yaml --all --dry-run", exitFailed, " applied", " waits ")
	says(t, "dead retry --config better-gate.yaml --all --yes --by ann", exitFailed, "3 dead letters: 2 applied, 1 refused")
	says(t, "dead list --config gate.yaml --state retried --json", 0, `"closed_by":"ann"`)
	uploads(t, "gate.yaml", roundUpload, "applied applied rejected")
	says(t, "dead discard --config gate.yaml --all --yes --note none", 0, "1 dead letter discarded")
	says(t, "dead list --config gate.yaml", 0, "no dead letters")
	says(t, "ledger show --config gate.yaml --client phone-1", 0, "\n3    aborted", "\n1    applied", "FOREIGN_KEY_VIOLATION")
	says(t, "dead export --config gate.yaml --state all", 0, `"body":{"tx_id":1,"crud":[{"op_id":1,"op":"PUT","type":"lists"`)
	looks(t, dsn)
	execute(t, dsn, "update writegate.writegate_ledger set settled_at = settled_at - interval '40 days'",
		"update writegate.writegate_dead_letters set closed_at = closed_at - interval '40 days'")
	says(t, "ledger prune --config gate.yaml --older-than 30d", 0, "deleted 5 runs")
	says(t, "ledger prune --config gate.yaml --letters-older-than 30d", 0, "3 dead letters")
	says(t, "blocked --config gate.yaml", 0, "no device is held back")
	execute(t, dsn, "insert into writegate.writegate_blocked (client_id, subject, since, last_try, tries, code, reason, table_name) values ('phone-2', 'bob', now() - interval '3 hours', now(), 7, 'SCHEMA_MISMATCH', '', 'todos')")
	says(t, "blocked --config gate.yaml", 0, "3h0m", "phone-2", "todos")
	if _, _, stderr := command(t, "dead", "list", "--config", "gate.yaml", "--database", "shop"); strings.Contains(stderr, dsn) {
		t.Errorf("%s shows the address", stderr)
	}
}

// looks has a login look that may read our own tables and nothing else, in a database that is read-only for it.
func looks(t *testing.T, admin string) {
	t.Helper()
	login, dsn := newLogin(t, admin)
	execute(t, admin, "grant usage on schema writegate to "+login, "grant select on all tables in schema writegate to "+login,
		"alter role "+login+" set default_transaction_read_only = on")
	t.Setenv("TEST_DSN", dsn)
	says(t, "dead list --config gate.yaml --state all", 0, "retried", "discarded")
	says(t, "ledger show --config gate.yaml --client phone-1", 0, "applied")
	says(t, "blocked --config gate.yaml", 0, "no device is held back")
	t.Setenv("TEST_DSN", admin)
}
