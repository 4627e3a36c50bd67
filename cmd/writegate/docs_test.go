package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"writegate"
	keyset "writegate/auth/keys"
	"writegate/configs"
	"writegate/server"
	"writegate/upkeep"
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

// TestMetricsAreListed wants every metric of ours in docs/operations.md.
func TestMetricsAreListed(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	c := configs.Default()
	set, err := keyset.Open(t.Context(), keyset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := serverOptions(c, log)
	o.NoAuth, o.Addr = true, "127.0.0.1:0"
	o.Apply = func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error) { return nil, nil }
	_, err = server.New(o)
	err = errors.Join(err, newPolicyMetrics().register(o.Registry), (&keys{set: set}).register(o.Registry),
		register(o.Registry, upkeep.NewBook(upkeep.BookOptions{}), upkeep.NewPruner(upkeep.PrunerOptions{})))
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan *prometheus.Desc)
	go func() {
		o.Registry.Describe(all)
		close(all)
	}()
	found := map[string]bool{}
	for desc := range all {
		if name := metric.FindString(desc.String()); name != "" {
			found[name] = true
		}
	}
	if len(found) < 20 {
		t.Errorf("only %d metrics", len(found))
	}
	for name := range found {
		if !regexp.MustCompile("`" + name + "[`{]").Match(page) {
			t.Errorf("docs/operations.md lacks %s", name)
		}
	}
}

var metric = regexp.MustCompile(`writegate_[a-z_]+`)

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
