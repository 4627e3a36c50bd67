package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const docsSchema = todoSchema + `notes: uuid text!
shares(list_id,member): list_id text!, member text!, role text
events: id text!, photo binary, seen_at time, starts_at time!, note json, row_version int~`

// TestDocs loads every policy that docs/policy.md shows, and compares its example with the one that is tested.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile(filepath.Join(policies, "todo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) < 2 {
		t.Fatalf("found %d policies", len(blocks))
	}
	for i, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		bind(t, block, docsSchema)
		if i == 0 && block != string(example) {
			t.Error("the example differs from testdata/policies/todo.yaml")
		}
	}
}

var (
	refuses = regexp.MustCompile(`efuse\(\s*(?:writegate\.)?[A-Z]\w+, "([a-z._]+)"`)
	reasons = regexp.MustCompile(`reason[A-Z]\w+ = "([a-z._]+)"`)
)

// TestDocsNameEveryReason compares the table of refusals with the reasons in the code.
func TestDocsNameEveryReason(t *testing.T) {
	doc, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		"admit.go", "decide.go", "create.go", "update.go", "../database.go", "../decide.go", "../appliers/references/write.go",
	} {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := append(refuses.FindAllSubmatch(code, -1), reasons.FindAllSubmatch(code, -1)...)
		if len(found) == 0 {
			t.Errorf("%s refuses nothing", file)
		}
		for _, m := range found {
			if !strings.Contains(string(doc), fmt.Sprintf("\n| `%s` |", m[1])) {
				t.Errorf("docs/policy.md does not explain %s", m[1])
			}
		}
	}
}
