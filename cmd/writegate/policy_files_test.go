package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const policies = "../../testdata/policies"

// TestPolicyFiles runs the tests of the policies that are examples of the whole language.
func TestPolicyFiles(t *testing.T) {
	for file, cases := range map[string]int{"todo": 34, "fieldops": 37} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"policy", "test", filepath.Join(policies, file+".policytest.yaml")}, &stdout, &stderr)
		if want := fmt.Sprintf("%d of %d passed in 1 file\n", cases, cases); code != 0 || stdout.String() != want {
			t.Errorf("%s: code %d\n%s%s", file, code, &stdout, &stderr)
		}
	}
}

// TestPlansOfPolicyFiles has no upload of theirs read more often for having more operations.
func TestPlansOfPolicyFiles(t *testing.T) {
	for _, file := range []string{"todo.policytest.yaml", "fieldops.policytest.yaml"} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{"policy", "plan", filepath.Join(policies, file), "--max-statements", "20"}, &stdout, &stderr); code != 0 {
			t.Errorf("%s: code %d\n%s%s", file, code, &stdout, &stderr)
		}
	}
}

// TestBrokenPolicy has check find what is wrong with a policy that has a fault of each kind, where it is.
func TestBrokenPolicy(t *testing.T) {
	t.Chdir(policies)
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"policy", "check", "--schema", "schema.yaml", "broken.policy.yaml"}, &stdout, &stderr); code != exitFailed {
		t.Errorf("code %d", code)
	}
	var found []string
	for line := range strings.Lines(stdout.String() + stderr.String()) {
		if parts := strings.SplitN(line, ":", 5); len(parts) == 5 && parts[0] == "broken.policy.yaml" {
			found = append(found, parts[1]+":"+parts[2]+parts[3])
		}
	}
	for _, want := range []string{
		"8:22 error", "12:21 error", "14:9 error", "17:19 error", "20:26 error", "20:39 error", "24:36 error", "28:15 error", "31:26 error",
		"35:31 warning", "35:54 warning", "38:15 error", "41:33 error", "43:7 warning", "47:36 error", "48:46 error", "49:9 error",
	} {
		if !slices.Contains(found, want) {
			t.Errorf("nothing at %s", want)
		}
	}
}
