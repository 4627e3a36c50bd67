package policytest_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate/policy"
	"writegate/policytest"
)

const wrong = `policy: [a]
schem: a
now: soon
users:
  ann: {sub: ""}
  outcome: {sub: a}
fixtures:
  notes: {id: 1}
tests:
  - {as: ann, op: {put: notes/a}, expect: allow}
  - {name: a, as: eve, op: {put: notes}, expect: yes}
  - {name: a, as: [], batch: [], expect: {outcom: allow}}
  - {name: b, op: {put: a/b, delete: a/b, data: {x: 1}, met: 1}, expect: {ann: allow}}
  - {name: c, as: ann, op: {}, batch: [], expect: allow}
  - {name: d, as: ann, op: {delete: a/b, data: {}}, expect: [allow, noop]}
  - {name: e, as: [ann, ann], batch: [{put: a/b, meta: {client_id: x}}, {put: a/c, meta: {client_id: y}}], expect: {row: {}}}
  - {name: f, as: ann, op: {put: a/b}, expect: {}}
  - {name: g, as: [ann, outcome], op: {put: a/b}, expect: {ann: allow}}
extra: 1
`

func TestFaults(t *testing.T) {
	_, err := policytest.Parse("t.yaml", []byte(wrong))
	want := `t.yaml:1:1: the key schema: is missing
t.yaml:1:9: expected a value, found a list (policy)
t.yaml:2:1: unknown key "schem"; there are fixtures, now, policy, schema, tests, users
t.yaml:3:6: expected an instant such as "2026-03-01T10:00:00Z" (now)
t.yaml:5:8: sub is missing, which every token has; it is a text (users.ann)
t.yaml:6:3: "outcome" is a key of expect:, so no user can be called that (users.outcome)
t.yaml:8:10: expected a list, found keys with values (fixtures.notes)
t.yaml:10:5: the key name: is missing (tests)
t.yaml:11:19: there is no user "eve" (tests.as)
t.yaml:11:34: expected table/id, such as lists/l1 (tests.op.put)
t.yaml:11:50: expected one of aborted, allow, conflict, dead_letter, noop, reject, retry (tests.expect)
t.yaml:12:5: two tests are called "a" (tests)
t.yaml:12:5: the key as: is missing; it names one user or several (tests)
t.yaml:12:19: the list is empty (tests.as)
t.yaml:12:30: the list is empty (tests.batch)
t.yaml:12:43: "outcom" is neither a user of as: nor one of the keys code, field, message, outcome, row, rule (tests.expect)
t.yaml:13:5: the key as: is missing; it names one user or several (tests)
t.yaml:13:19: a delete has no data: (tests.op)
t.yaml:13:38: an operation is one of put:, patch: and delete: (tests.op)
t.yaml:13:57: unknown key "met"; there are data, delete, meta, patch, put (tests.op)
t.yaml:13:75: "ann" is neither a user of as: nor one of the keys code, field, message, outcome, row, rule (tests.expect)
t.yaml:14:5: a test has either op: or batch: (tests)
t.yaml:15:28: a delete has no data: (tests.op)
t.yaml:15:61: a list has one entry for each operation of batch: (tests.expect)
t.yaml:16:25: "ann" occurs twice (tests.as)
t.yaml:16:73: the operations of one batch come from one device: write the same client_id at each (tests.batch)
t.yaml:16:122: a row belongs to one operation: give expect: a list, with one entry for each of the batch (tests.expect)
t.yaml:17:48: nothing is expected for ann (tests.expect)
t.yaml:18:59: nothing is expected for outcome (tests.expect)
t.yaml:19:1: unknown key "extra"; there are fixtures, now, policy, schema, tests, users`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

// TestFaultsOfTables finds what only the tables tell.
func TestFaultsOfTables(t *testing.T) {
	f := written(t, `
  - {name: a, as: [ann, bob], op: {put: notes/a}, expect: {row: {made: $now, lost: 1, done: maybe}}}
  - {name: b, as: ann, op: {put: lost/a}, expect: {row: {x: 1}}}
`)
	_, err := (&policytest.Runner{Tables: tables}).Bind(t.Context(), f)
	want := f.Path + `:13:78: table notes has no column "lost" (tests.expect.row)
` + f.Path + `:13:87: notes.done: must be a boolean (tests.expect.row)`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + passing))
	f.Add([]byte(wrong))
	f.Add([]byte("policy: a\nschema: b\nusers: {a: {sub: a}}\ntests: [{name: a, as: a, op: {put: a/b, data: {a: [1, {b: null}]}, meta: x}, expect: {row: null}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := policytest.Parse("t.yaml", text)
		if err == nil {
			for i := range file.Cases {
				if c := &file.Cases[i]; len(c.As) == 0 || len(c.Ops) == 0 || c.Name == "" {
					t.Errorf("accepted %+v", c)
				}
			}
			return
		}
		if _, ok := errors.AsType[policy.Faults](err); !ok {
			t.Errorf("the error is %T", err)
		}
	})
}
