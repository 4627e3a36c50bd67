package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const docsSchema = todoSchema + `notes: uuid text!
shares(list_id,member): list_id text!, member text!, role text
list_shares: id text!, list_id text!, user_id text!, role text!
memberships: id text!, org_id text!, user_id text!, role text!, disabled_at time
events: id text!, photo binary, seen_at time, starts_at time!, note json, row_version int~
items: id text!, title text!, status text, sku text, contact text, price decimal, due time, tags json, attrs json
stock: id text!, owner text!, name text, qty int!
recipes: id text!, owner text!, title text, steps text, tags json, version int, edited_at time, clocks json
write_conflicts: id uuid!, table_name text!, row_id text!, conflict_type text!, client_data json!, server_data json, resolved bool!, user_id text!, created_at time!
field_changes: id uuid!, table_name text!, row_id text!, field_name text!, old_value text, new_value text, status text!, user_id text!, created_at time!
entries: id text!, author text!, body text!
comments: id text!, author text!, body text!, edited_at time
refusals: id uuid!, user_id text!, client_id text, op_id int, table_name text!, row_id text!, code text!, message text!, created_at time!, resolved_at time
orders: id text!, org_id text!, author text!, title text, status enum(draft|submitted|approved|done|cancelled), price int, deleted_at time, deleted_by text`

// TestDocs loads every policy that docs/policy-reference.md shows, and compares its example with the one that is tested.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/policy-reference.md")
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
	reasons = regexp.MustCompile(`reason[A-Z]\w+ += "([a-z._]+)"`)
	dotted  = regexp.MustCompile(`"((?:column|row|state|upload)\.[a-z_]+)"`)
)

// TestDocsNameEveryReason compares the table of refusals with the reasons in the code.
func TestDocsNameEveryReason(t *testing.T) {
	doc, err := os.ReadFile("../docs/policy-reference.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		"admit.go", "decide.go", "create.go", "update.go", "check.go", "checkrange.go", "checkjson.go", "guard.go", "states.go", "soft.go", "conflictbase.go", "counter.go", "unknown.go", "../database.go", "../decide.go", "../work.go", "../refuse.go", "../appliers/references/write.go",
	} {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := slices.Concat(refuses.FindAllSubmatch(code, -1), reasons.FindAllSubmatch(code, -1), dotted.FindAllSubmatch(code, -1))
		if len(found) == 0 {
			t.Errorf("%s refuses nothing", file)
		}
		for _, m := range found {
			if !regexp.MustCompile("(?m)^\\|[^|]*`" + regexp.QuoteMeta(string(m[1])) + "`").Match(doc) {
				t.Errorf("docs/policy-reference.md does not explain %s", m[1])
			}
		}
	}
}
