package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	docsFiles = regexp.MustCompile("(?s)```yaml\n# (\\S+)\n(.*?)```")
	docsRuns  = regexp.MustCompile("(?s)```console\n\\$ writegate (.*?)\n(.*?)```")
	revision  = regexp.MustCompile(`sha256:[0-9a-f]+`)
)

// TestDocsOfTests writes the files that docs/testing-policies.md shows, runs its commands, and compares what they print.
func TestDocsOfTests(t *testing.T) {
	const page = "../../docs/testing-policies.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, m := range docsFiles.FindAllStringSubmatch(string(text), -1) {
		if err := os.WriteFile(filepath.Join(dir, m[1]), []byte("# "+m[1]+"\n"+m[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "wrong.policytest.yaml"), []byte(wrongTests), 0o600); err != nil {
		t.Fatal(err)
	}
	absolute, err := filepath.Abs(page)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	out := docsRuns.ReplaceAllStringFunc(string(text), func(block string) string {
		m := docsRuns.FindStringSubmatch(block)
		var both bytes.Buffer
		run(t.Context(), shellWords(m[1]), &both, &both)
		return "```console\n$ writegate " + m[1] + "\n" + revision.ReplaceAllString(both.String(), "sha256:…") + "```"
	})
	if *update {
		if err := os.WriteFile(absolute, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(text), out); diff != "" {
		t.Error(diff)
	}
}

// wrongTests expect what does not come.
const wrongTests = `policy: notes.policy.yaml
schema: schema.yaml
users:
  ann: {sub: u-ann}
  eve: {sub: u-eve, app_metadata: {editor: true}}
fixtures:
  notes: [{id: n1, owner: u-ann, text: milk}]
tests:
  - {name: an editor edits, as: [ann, eve], op: {patch: notes/n1, data: {text: tea}},
     expect: {ann: allow, eve: reject}}
`

// shellWords splits a command line at blanks that no single quotes are around.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}
