package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestREADME compares what README.md shows of dev with what dev prints.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	w := welcome{addr: addr("127.0.0.1:6060"), about: "writegate-data/dev.sqlite (SQLite)", token: "eyJhbGciOiJSUzI1NiIsImtpZCI6InlWWUNx…"}
	if want := "```console\n$ go run ./cmd/writegate dev\n" + w.warnings() + w.String() + "```\n"; !strings.Contains(string(text), want) {
		t.Errorf("README.md does not show:\n%s", want)
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// TestLinks follows the links between the pages and to the code.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 5 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	roots, err := filepath.Glob("../../*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, roots...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
	}
}

// TestDependencies wants a reason for every module that the code imports.
func TestDependencies(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || !strings.HasPrefix(fields[1], "v") { // indirect ones have a comment
			continue
		}
		if !strings.Contains(string(reasons), fields[0]) {
			t.Errorf("docs/dependencies.md has no reason for %s", fields[0])
		}
	}
}
