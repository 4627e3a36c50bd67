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

var fenced = regexp.MustCompile("(?s)```(yaml|console)\n(.*?)```")

// TestTutorial does what docs/policy.md tells its reader to do: it writes each file that the page shows, runs each
// command, and compares what it prints.
func TestTutorial(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	files, commands := 0, 0
	for _, block := range fenced.FindAllStringSubmatch(string(page), -1) {
		first, rest, _ := strings.Cut(block[2], "\n")
		if block[1] == "yaml" {
			name, ok := strings.CutPrefix(first, "# ")
			if !ok || filepath.Base(name) != name {
				t.Fatalf("the first line of a file is its name, not %q", first)
			}
			if err := os.WriteFile(name, []byte(block[2]), 0o600); err != nil {
				t.Fatal(err)
			}
			files++
			continue
		}
		command, ok := strings.CutPrefix(first, "$ writegate ")
		if !ok {
			t.Fatalf("%q is no command of ours", first)
		}
		var out bytes.Buffer
		run(t.Context(), words(command), &out, &out)
		if diff := cmp.Diff(strings.TrimSpace(rest), strings.TrimSpace(out.String())); diff != "" {
			t.Errorf("%s\n(-page +printed):\n%s", command, diff)
		}
		commands++
	}
	if files < 10 || commands < 8 {
		t.Errorf("the page has %d files and %d commands", files, commands)
	}
}

var word = regexp.MustCompile(`'[^']*'|\S+`)

// words takes a command line apart as a shell does.
func words(line string) []string {
	found := word.FindAllString(line, -1)
	for i := range found {
		found[i] = strings.Trim(found[i], "'")
	}
	return found
}
