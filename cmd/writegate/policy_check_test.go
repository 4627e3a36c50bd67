package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEndColumn(t *testing.T) {
	lines := []string{`row: old.owner_id == "x y" || größe`, ""}
	for _, tt := range []struct{ line, column, want int }{
		{1, 6, 18}, {1, 19, 20}, {1, 22, 27}, {1, 31, 36}, {1, 35, 36}, {1, 36, 0}, {2, 1, 0}, {3, 1, 0}, {0, 0, 0},
	} {
		if got := endColumn(lines, tt.line, tt.column); got != tt.want {
			t.Errorf("%d:%d ends at %d, want %d", tt.line, tt.column, got, tt.want)
		}
	}
}

// TestExpectedFaults finds every fault that is expected of a policy, at its place and by its code, and no other.
func TestExpectedFaults(t *testing.T) {
	code, stdout, _ := command(t, "policy", "check", "--schema", filepath.Join(policies, "schema.yaml"), filepath.Join(policies, "broken.policy.yaml"))
	if code != exitFailed {
		t.Errorf("code %d", code)
	}
	want, err := os.ReadFile(filepath.Join(policies, "broken.expected.txt"))
	if err != nil {
		t.Fatal(err)
	}
	place := regexp.MustCompile(`broken\.policy\.yaml(:\d+:\d+:) (error|warn)`)
	number := regexp.MustCompile(`\bP\d{3}\b`)
	said := map[string]string{}
	for line := range strings.Lines(stdout) {
		if m := place.FindStringSubmatch(strings.Replace(line, " warning", " warn", 1)); m != nil {
			said[m[1]+" "+m[2]] += line
		}
	}
	for line := range strings.Lines(string(want)) {
		m := place.FindStringSubmatch(line)
		got := said[m[1]+" "+m[2]]
		if c := number.FindString(line); got == "" || !strings.Contains(got, c) {
			t.Errorf("not said: %s", line)
		}
	}
	if n := strings.Count(stdout, "\n"); n != strings.Count(string(want), "\n")+1 { // and that columns: "*" is wide
		t.Errorf("%d lines:\n%s", n, stdout)
	}
}

// TestShortForms runs the tests of a long policy against the short one, and those of one that has every short form.
func TestShortForms(t *testing.T) {
	short := filepath.Join(policies, "short")
	for _, args := range [][]string{
		{"--policy", filepath.Join(short, "todo.yaml"), filepath.Join(policies, "todo.policytest.yaml")},
		{filepath.Join(short, "everything.policytest")},
	} {
		code, stdout, stderr := command(t, append([]string{"policy", "test"}, args...)...)
		if code != 0 {
			t.Errorf("%v: code %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

// TestStarters checks and tests the policies to start from.
func TestStarters(t *testing.T) {
	files, err := filepath.Glob("../../configs/policies/*.policy.yaml")
	if err != nil || len(files) != 5 {
		t.Fatalf("%v: %v", files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".policy.yaml")
		t.Run(filepath.Base(name), func(t *testing.T) {
			if code, stdout, stderr := command(t, "policy", "check", "--strict", "--schema", name+".schema.yaml", file); code != 0 {
				t.Errorf("check: code %d\n%s%s", code, stdout, stderr)
			}
			if code, stdout, stderr := command(t, "policy", "test", name+".policytest.yaml"); code != 0 {
				t.Errorf("test: code %d\n%s%s", code, stdout, stderr)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(text), "# yaml-language-server: $schema=../policy.schema.json\n") {
				t.Error("editors don't find the JSON Schema")
			}
		})
	}
}

// TestPolicySchema compares the copy that editors find with what the command prints.
func TestPolicySchema(t *testing.T) {
	const path = "../../configs/policy.schema.json"
	_, stdout, _ := command(t, "policy", "schema")
	if *update {
		if err := os.WriteFile(path, []byte(stdout), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), stdout); diff != "" {
		t.Error(diff)
	}
}
