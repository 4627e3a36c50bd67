package main

import (
	"fmt"
	"strings"
	"testing"
)

const enginesPolicy = `policy: 1
claims:
  sub: {path: sub, type: text, required: true}
engine: {patch_missing: reject}
tables:
  lists:
    rules:
      - {name: owner, ops: [create, update], row: row.owner_id == claims.sub, columns: [owner_id, name]}
`

// enginesUpload creates a row and changes it, which is refused for want of it.
const enginesUpload = `{"tx_id":1,"crud":[{"op_id":1,"op":"PUT","type":"lists","id":"0b0c6dcd-7a0a-4d3a-9d8f-5b6a4c1d2e3f","data":{"owner_id":"bob","name":"shop"}}]}
{"tx_id":2,"crud":[{"op_id":2,"op":"PATCH","type":"lists","id":"0b0c6dcd-7a0a-4d3a-9d8f-5b6a4c1d2e3f","data":{"name":"work"},"old":{"name":"shop"}}]}
`

// TestDeadEngines goes from refused to applied, and to applied when it is sent again, on the engines that have no test of
// their own.
func TestDeadEngines(t *testing.T) {
	for name, tt := range map[string]struct {
		driver string
		open   func(t *testing.T) string
	}{
		"mysql":   {"mysql", func(t *testing.T) string { return exampleMySQL(t, "WRITEGATE_TEST_MYSQL") }},
		"mariadb": {"mysql", func(t *testing.T) string { return exampleMySQL(t, "WRITEGATE_TEST_MARIADB") }},
		"mongodb": {"mongodb", exampleMongoDB},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := tt.open(t)
			t.Setenv("TEST_DSN", dsn)
			gate := fmt.Sprintf("auth: {audience: a, key_file: key.pem}\ndatabase: {driver: %s, dsn: \"${TEST_DSN}\", schema: %s}\npolicy: ", tt.driver, ownName(dsn))
			written(t, map[string]string{
				"strict.yaml": gate + "strict-policy.yaml\n", "strict-policy.yaml": enginesPolicy,
				"gate.yaml": gate + "policy.yaml\n", "policy.yaml": strings.Replace(enginesPolicy, "row.owner_id == claims.sub", "row.owner_id != ''", 1),
			})
			uploads(t, "strict.yaml", enginesUpload, "rejected rejected")
			says(t, "dead list --config strict.yaml --table lists --since 1h", 0, "not_writable", "\n└ ", "row.missing")
			says(t, "dead retry --config gate.yaml --all --dry-run", exitFailed, " applied", " waits ")
			says(t, "dead retry --config gate.yaml --all --yes --by ann", 0, "2 dead letters: 2 applied")
			says(t, "dead list --config gate.yaml --state retried --json", 0, `"closed_by":"ann"`)
			uploads(t, "gate.yaml", enginesUpload, "applied applied")
			says(t, "ledger show --config gate.yaml --client phone-1", 0, "rejected", "applied")
			says(t, "dead export --config gate.yaml --state all", 0, `"body":{"tx_id":1,"crud":[{"op_id":1,"op":"PUT","type":"lists"`)
			says(t, "ledger prune --config gate.yaml --older-than 30d", 0, "deleted 0 runs")
			says(t, "ledger prune --config gate.yaml --older-than 30d", 0, "deleted 0 runs") // the lease was given back
			says(t, "blocked --config gate.yaml", 0, "no device is held back")
		})
	}
}
