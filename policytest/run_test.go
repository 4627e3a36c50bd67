package policytest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate/policytest"
)

const passing = `
  - name: the owner and nobody else
    as: [ann, bob]
    op: {patch: notes/a1, data: {text: tea}}
    expect:
      ann: {outcome: allow, rule: own, row: {text: tea, tags: [x, y], done: false}}
      bob: {outcome: noop, row: {text: milk}}
  - name: another rule
    as: bob
    op: {patch: notes/a2, data: {text: tea}}
    expect: {outcome: allow, rule: boss}
  - name: why not
    as: ann
    op: {patch: notes/a1, data: {owner: bob}}
    expect: {outcome: reject, code: column.immutable, field: owner, message: "notes.owner: the column can't be changed"}
  - name: every case begins anew
    as: ann
    op: {delete: notes/a1}
    expect: {outcome: allow, row: null}
  - name: together
    as: ann
    batch:
      - {put: notes/a3, data: {text: " x ", tags: {deep: [1, null]}}}
      - {patch: notes/a3, data: {done: 1}}
      - {delete: notes/a9}
    expect:
      - {outcome: allow, row: {made: $now, done: true, tags: '{"deep": [1, null]}'}}
      - allow
      - noop
  - name: one for all
    as: ann
    batch: [{put: notes/a3}, {patch: notes/a1, data: {made: null}}]
    expect: {outcome: reject, code: column.forbidden}
  - name: each its own
    as: ann
    batch: [{put: notes/a3}, {patch: notes/a1, data: {made: null}}]
    expect: [{outcome: aborted, row: null}, dead_letter]
  - name: a table that there is not
    as: ann
    op: {put: lost/a1}
    expect: {outcome: reject}
`

func TestPassing(t *testing.T) {
	res := run(t, &policytest.Runner{}, written(t, passing))
	var b strings.Builder
	if err := res.Text(&b); err != nil || b.Len() > 0 {
		t.Errorf("%v\n%s", err, &b)
	}
	if got := policytest.Summary([]*policytest.Result{res}); got != "9 of 9 passed in 1 file" {
		t.Errorf("summary %q", got)
	}
}

// TestInMaintenance runs the same cases while everything is closed: it is the rules that are tried.
func TestInMaintenance(t *testing.T) {
	f := written(t, passing)
	path := filepath.Join(t.TempDir(), "closed.yaml")
	if err := os.WriteFile(path, []byte(notes+"\nmaintenance: {all: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	res := run(t, &policytest.Runner{Policy: path}, f)
	if got := policytest.Summary([]*policytest.Result{res}); got != "9 of 9 passed in 1 file" {
		t.Errorf("summary %q", got)
	}
}

// TestEachExpectationCounts changes what is expected, one thing after another, and has each noticed.
func TestEachExpectationCounts(t *testing.T) {
	for _, change := range []struct{ from, to, want string }{
		{"ann: {outcome: allow, rule: own", "ann: {outcome: noop, rule: own", "17:12: the owner and nobody else (as ann): outcome: expected noop, got allow"},
		{"rule: own,", "rule: boss,", "17:12: the owner and nobody else (as ann): rule: expected boss, got own"},
		{"row: {text: tea,", "row: {text: coffee,", "17:46: the owner and nobody else (as ann): row.text: expected coffee, got tea"},
		{"tags: [x, y]", "tags: [y]", `17:57: the owner and nobody else (as ann): row.tags: expected ["y"], got ["x","y"]`},
		{"{text: milk}", "{text: null}", "18:34: the owner and nobody else (as bob): row.text: expected null, got milk"},
		{"code: column.immutable", "code: column.type", "26:13: why not (as ann): code: expected column.type, got column.immutable"},
		{"field: owner", "field: text", "26:13: why not (as ann): field: expected text, got owner"},
		{"message: \"notes.owner: ", "message: \"notes: ", "26:13: why not (as ann): message: expected notes: the column can't be changed, got notes.owner: the column can't be changed"},
		{"{outcome: allow, row: null}", "{outcome: allow, row: {}}", "30:35: every case begins anew (as ann): row: expected a row, got no row"},
		{"made: $now,", "text: $now,", "38:32: together (as ann): operation 1: row.text: expected 2026-03-01T10:00:00Z, got \" x \""},
		{"      - allow\n", "      - reject\n", "39:9: together (as ann): operation 2: outcome: expected reject, got allow"},
		{"{outcome: reject, code: column.forbidden}", "allow", "44:13: one for all (as ann): outcome: expected allow, got reject (column.forbidden)"},
		{"{outcome: aborted, row: null}", "{outcome: aborted, row: {}}", "48:38: each its own (as ann): operation 1: row: expected a row, got no row"},
		{"{outcome: reject}\n", "retry\n", "52:13: a table that there is not (as ann): outcome: expected retry, got reject (table.denied)"},
	} {
		if !strings.Contains(passing, change.from) {
			t.Fatalf("there is no %q", change.from)
		}
		res := run(t, &policytest.Runner{}, written(t, strings.Replace(passing, change.from, change.to, 1)))
		var b strings.Builder
		if err := res.Text(&b); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(strings.TrimPrefix(b.String(), res.File.Path+":")); got != change.want {
			t.Errorf("%s:\n got %s\nwant %s", change.to, got, change.want)
		}
	}
}

func TestOnly(t *testing.T) {
	res := run(t, &policytest.Runner{Only: regexp.MustCompile("^one|own")}, written(t, passing))
	var names []string
	for _, ran := range res.Ran {
		names = append(names, ran.Case.Name+" "+ran.User)
	}
	if diff := cmp.Diff([]string{"the owner and nobody else ann", "the owner and nobody else bob", "one for all ann", "each its own ann"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestJUnit(t *testing.T) {
	f := written(t, `
  - {name: "a < b", as: ann, op: {delete: notes/a1}, expect: noop}
  - {name: c, as: ann, op: {delete: notes/a1}, expect: allow}
`)
	f.Path = "t.yaml"
	res := run(t, &policytest.Runner{}, f)
	var b bytes.Buffer
	if err := policytest.JUnit(&b, []*policytest.Result{res}); err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`time="[\d.]+"`).ReplaceAllString(b.String(), `time="0"`)
	want := `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1">
  <testsuite name="t.yaml" tests="2" failures="1" time="0">
    <testcase name="a &lt; b (as ann)" classname="t.yaml" file="t.yaml" line="13" time="0">
      <failure message="outcome: expected noop, got allow">13:62: outcome: expected noop, got allow&#xA;</failure>
    </testcase>
    <testcase name="c (as ann)" classname="t.yaml" file="t.yaml" line="14" time="0"></testcase>
  </testsuite>
</testsuites>
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	if err := res.JSON(&b); err != nil {
		t.Fatal(err)
	}
	want = `{"file":"t.yaml","line":13,"column":5,"name":"a \u003c b","user":"ann","passed":false,"got":[{"outcome":"allow","rule":"own"}],"mismatches":[{"line":13,"column":62,"what":"outcome","expected":"noop","got":"allow"}]}
{"file":"t.yaml","line":14,"column":5,"name":"c","user":"ann","passed":true,"got":[{"outcome":"allow","rule":"own"}]}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// TestPolicyInstead runs the tests against another policy than the file names.
func TestPolicyInstead(t *testing.T) {
	f := written(t, passing)
	r := &policytest.Runner{Tables: tables, Policy: filepath.Join(filepath.Dir(f.Path), "none.yaml")}
	if _, err := r.Bind(t.Context(), f); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("the error is %v", err)
	}
}

// TestOperationsApart has each operation of a transaction refused for a reason of its own.
func TestOperationsApart(t *testing.T) {
	f := written(t, `
  - name: apart
    as: ann
    batch:
      - {patch: notes/a1, data: {owner: bob}}
      - {patch: notes/a2, data: {text: tea}}
      - {patch: notes/a1, data: {nope: 1}}
      - {put: notes/a3, data: {done: maybe}}
    expect:
      - {outcome: reject, code: column.immutable, row: {owner: ann}}
      - {outcome: allow, row: {text: tea}}
      - {outcome: reject, code: column.unknown}
      - {outcome: reject, code: column.type, field: done}
`)
	path := filepath.Join(filepath.Dir(f.Path), "notes.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(notes, "claims:", "engine: {batch: per_op}\nclaims:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := run(t, &policytest.Runner{}, f).Text(&b); err != nil || b.Len() > 0 {
		t.Errorf("%v\n%s", err, &b)
	}
}
