package policy

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestRequest reads what came with an operation in conditions.
func TestRequest(t *testing.T) {
	const tables = "docs: id text!, n int!, version int!, at time"
	policy := func(when, more string) string {
		return "policy: 1\nclaims: {sub: {required: true}}\ntables:\n  docs:\n" + more +
			"    rules: [{name: r, ops: [update], row: row.n > 0, columns: [n]}]\n    forbid: [{name: f, on: [update], when: '" + when + "'}]\n"
	}
	const versions = "    conflict: {strategy: version, column: version, missing_expected: apply}\n"
	for _, c := range []struct {
		name, when, more, metadata string
		previous                   row
		holds                      bool
	}{
		{"the device", `req.client_id == "d1"`, "", "", nil, true},
		{"a version of the metadata", `req.base_version == optional.of(7)`, "", `{"base_version": 7}`, nil, true},
		{"a version as text", `req.base_version.orValue(0) == 7`, "", `{"base_version": "7"}`, nil, true},
		{"a version of the value before", `req.base_version.orValue(0) == 7`, versions, "", row{"version": json.Number("7")}, true},
		{"a value before of no version column", `req.base_version.hasValue()`, "", "", row{"version": json.Number("7")}, false},
		{"no version", `req.base_version.hasValue()`, "", `{"base_version": 7.5, "client_time": 1}`, nil, false},
		{"no metadata", `req.base_version.hasValue() || req.client_time.hasValue()`, "", "base_version=7", nil, false},
		{"a name in other letters", `req.base_version.hasValue()`, "", `{"Base_Version": 7}`, nil, false},
		{"a time", `req.client_time.value() == timestamp("2026-03-01T09:00:00Z")`, "", `{"client_time": "2026-03-01T11:00:00+02:00"}`, nil, true},
		{"a clock that is ahead", `req.client_time.value() == now + duration("2m")`, "", `{"client_time": "2099-01-01T00:00:00Z"}`, nil, true},
		{"a time that is none", `req.client_time.hasValue()`, "", `{"client_time": "yesterday"}`, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := policy(strings.ReplaceAll(c.when, "'", "''"), c.more)
			op := patch("docs", "d", row{"n": json.Number("2")})
			op.Metadata, op.Previous = c.metadata, c.previous
			d := run(t, judgeFor(t, bind(t, text, tables), "alice", nil), op, row{"n": int64(1), "version": int64(7)})
			if got := outcome(d); (got == "update") == c.holds {
				t.Errorf("got %s, though the condition should give %t", got, c.holds)
			}
		})
	}
}
