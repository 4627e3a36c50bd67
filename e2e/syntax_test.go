package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// connectorFiles are the connectors that an app copies as one file.
var connectorFiles = []string{
	"dart/writegate_connector.dart",
	"dotnet/WritegateConnector.cs",
	"kotlin/WritegateConnector.kt",
	"rust/writegate_connector.rs",
	"swift/WritegateConnector.swift",
}

// TestConnectorSyntax parses the connectors whose compilers are not there, and copies of them that lack something: the
// grammar notices.
func TestConnectorSyntax(t *testing.T) {
	node := needNode(t)
	broken := t.TempDir()
	var paths []string
	faulty := map[string]bool{}
	for _, name := range connectorFiles {
		path, err := filepath.Abs(filepath.Join("../clients", name))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
		for fault, at := range map[string]int{
			"brace":       bytes.LastIndexByte(text, '}'),
			"parenthesis": bytes.LastIndexByte(text[:len(text)/2], ')'),
		} {
			path := filepath.Join(broken, fault+filepath.Ext(name))
			if err := os.WriteFile(path, append(text[:at:at], text[at+1:]...), 0o600); err != nil {
				t.Fatal(err)
			}
			paths, faulty[path] = append(paths, path), true
		}
	}
	cmd := exec.CommandContext(t.Context(), node.bin, append([]string{"--liftoff-only", "syntax.mjs"}, paths...)...)
	cmd.Dir = scripts
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var found map[string][]string
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		faults, parsed := found[path]
		if !parsed || (len(faults) > 0) != faulty[path] {
			t.Errorf("%s: parsed %t, faults %q", path, parsed, faults)
		}
	}
}
