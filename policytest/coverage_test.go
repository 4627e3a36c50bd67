package policytest_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate/policytest"
)

// covered runs cases and shows what they have tried.
func covered(t *testing.T, tests string) string {
	t.Helper()
	f := written(t, tests)
	r := &policytest.Runner{Coverage: policytest.NewCoverage()}
	var b strings.Builder
	if err := run(t, r, f).Text(&b); err != nil || b.Len() > 0 {
		t.Errorf("listening changes the outcome: %v\n%s", err, &b)
	}
	if err := r.Coverage.Text(&b); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), filepath.Dir(f.Path)+"/", "")
}

func TestCoverage(t *testing.T) {
	want := `notes.yaml:12:16: rule notes.own: granted 1, refused 2
notes.yaml:12:57: row.owner == claims.sub: true 3, false 3
notes.yaml:13:16: rule notes.boss: never granted, refused 3
notes.yaml:13:43: claims.level > 1 && row.done: never true, false 4
notes.yaml:13:43: claims.level > 1: true 2, false 2
notes.yaml:13:63: row.done: never true, false 2
1 of 2 rules granted and refused, 2 of 4 conditions true and false
`
	got := covered(t, `
  - {name: a, as: [ann, bob], op: {patch: notes/a1, data: {text: x}}, expect: {ann: allow, bob: noop}}
  - {name: b, as: ann, op: {patch: notes/a1, data: {owner: bob}}, expect: reject}
`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	want = `notes.yaml:12:16: rule notes.own: never reached
notes.yaml:12:57: row.owner == claims.sub: never reached
notes.yaml:13:16: rule notes.boss: never reached
notes.yaml:13:43: claims.level > 1 && row.done: never reached
notes.yaml:13:43: claims.level > 1: never reached
notes.yaml:13:63: row.done: never reached
0 of 2 rules granted and refused, 0 of 4 conditions true and false
`
	got = covered(t, `
  - {name: a, as: ann, op: {patch: notes/a9, data: {text: x}}, expect: noop}
`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestCoverageOfSeveralFiles adds up what they have tried of one policy.
func TestCoverageOfSeveralFiles(t *testing.T) {
	f := written(t, `
  - {name: a, as: [ann, bob], op: {delete: notes/a1}, expect: {ann: allow, bob: noop}}
`)
	r := &policytest.Runner{Coverage: policytest.NewCoverage()}
	run(t, r, f)
	run(t, r, f)
	for _, c := range r.Coverage.List() {
		if c.Rule == "notes.own" && (c.True != 2 || c.False != 2) {
			t.Errorf("%s", c)
		}
	}
	var b strings.Builder
	if err := r.Coverage.JSON(&b); err != nil || !strings.Contains(b.String(), `"rule":"notes.own","path":"tables.notes.rules.own","true":2,"false":2}`) {
		t.Errorf("%v\n%s", err, &b)
	}
}
