package writegate_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// module is the path of this module, and of its root package.
const module = "writegate"

// TestArchitecture holds the imports to the picture in the package comment: stages know the shared types and
// themselves, never each other, so that each can be read and replaced alone. Only commands, and the tests
// that run commands, import several.
func TestArchitecture(t *testing.T) {
	for _, p := range packages(t) {
		own := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		for _, imported := range p.Imports {
			if reason := forbidden(own, imported); reason != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, reason)
			}
		}
	}
}

// TestArchitectureSees has the rule refuse what it is for.
func TestArchitectureSees(t *testing.T) {
	tests := []struct {
		own, imported string
		ok            bool
	}{
		{"", "context", true},
		{"", "github.com/google/go-cmp/cmp", false},
		{"", "writegate/policy", false},
		{"auth", "writegate", true},
		{"auth", "writegate/server", false},
		{"policy/internal/tree", "writegate/policy/internal/expr", true},
		{"policy/internal/expr", "cel.dev/cel-go/cel", true},
		{"auth", "cel.dev/cel-go/cel", false},
		{"auth/issue", "cel.dev/cel-go/cel", true},
		{"policy", "cel.dev/cel-go/cel", false},
		{"internal/celenv", "cel.dev/cel-go/cel", true},
		{"policy/internal/expr", "writegate/internal/celenv", true},
		{"policy", "writegate/internal/celenv", false},
		{"auth/issue", "writegate/internal/celenv", true},
		{"auth", "writegate/internal/celenv", false},
		{"auth/issue", "writegate/auth", true},
		{"auth/issue", "writegate/policy", false},
		{"auth/issue", "writegate/internal/synctoken", true},
		{"configs", "writegate/internal/synctoken", true},
		{"policy", "writegate/internal/synctoken", false},
		{"server", "writegate/server/dialect", true},
		{"server", "github.com/labstack/echo/v4", true},
		{"devsync", "github.com/labstack/echo/v4", false},
		{"cmd/writegate", "github.com/labstack/echo/v4/middleware", false},
		{"appliers/sqlite", "writegate/appliers/postgres", false},
		{"appliers/sqlite", "writegate/appliers/applierstest", false},
		{"appliers/sqlite", "modernc.org/sqlite", true},
		{"appliers/sqlite", "writegate/internal/wire", true},
		{"appliers/sqlite", "writegate/internal/engines", false},
		{"policy", "writegate/internal/wire", false},
		{"appliers/sqlite", "writegate/internal/applier", true},
		{"policy", "writegate/internal/applier", false},
		{"internal/applier", "writegate", true},
		{"internal/applier", "writegate/internal/wire", true},
		{"internal/applier", "writegate/internal/files", false},
		{"internal/applier", "writegate/appliers/sqlite", false},
		{"internal/wire", "writegate/policy", false},
		{"internal/wire", "writegate", false},
		{"internal/wire", "writegate/internal/files", false},
		{"auth/keys", "writegate/internal/files", true},
		{"auth", "writegate/internal/files", true},
		{"policy", "writegate/internal/files", false},
		{"appliers/bare", "writegate/internal/files", true},
		{"appliers/sqlite", "writegate/internal/files", false},
		{"appliers/applierstest", "writegate/appliers/memory", true},
		{"appliers", "writegate/appliers/memory", true},
		{"policytest", "writegate/policy", true},
		{"policytest", "writegate/appliers/memory", false},
		{"policy", "writegate/policytest", false},
		{"configs", "writegate/server", false},
		{"configs", "writegate/internal/files", true},
		{"configs", "writegate/internal/fault", true},
		{"schemafile", "writegate/internal/fault", true},
		{"policy", "writegate/internal/fault", false},
		{"server", "writegate/internal/files", false},
		{"cmd/writegate", "writegate/server", true},
	}
	for _, tt := range tests {
		if reason := forbidden(tt.own, tt.imported); (reason == "") != tt.ok {
			t.Errorf("%s imports %s: %q", path.Join(module, tt.own), tt.imported, reason)
		}
	}
}

// shared are packages for what several stages do in the same way, and where they may be imported. They import nothing of
// ours themselves, but for what stands in known.
var shared = map[string][]string{
	module + "/internal/celenv":    {"policy/internal/expr", "auth/issue"}, // the language of expressions
	module + "/internal/synctoken": {"auth/issue", "configs"},              // the rules of the tokens that are made
	module + "/internal/wire":      {"appliers", "internal/applier"},       // what clients write is the same for every database
	module + "/internal/applier":   {"appliers"},                           // what every driver of a database does in the same way
	module + "/internal/fault":     {"configs", "schemafile"},              // how what is wrong with a file is said
	module + "/internal/files":     {"auth", "appliers/bare", "configs"},   // files that several processes share, and files of secrets
}

// known is what packages of shared may import of ours.
var known = map[string][]string{
	module + "/internal/applier": {module, module + "/internal/wire"}, // it is about the root's types
}

// forbidden says why the package at a folder of ours may not import another package, or nothing.
func forbidden(own, imported string) string {
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case strings.HasPrefix(imported, "github.com/labstack/echo") && !below(own, "server"):
		return "Echo stays in server"
	case strings.HasPrefix(imported, "cel.dev/") && !slices.Contains([]string{"internal/celenv", "policy/internal/expr", "auth/issue"}, own):
		return "CEL stays in what compiles expressions"
	case own == "" && (first == module || strings.Contains(first, ".")):
		return "the root package imports the standard library only"
	case slices.Contains(known[path.Join(module, own)], imported):
		return ""
	case shared[path.Join(module, own)] != nil && first == module:
		return "what several stages share knows none of them"
	case imported == module || first != module:
		return ""
	case slices.Contains([]string{"appliers", "appliers/applierstest", "bench", "breaker"}, own), below(own, "cmd"):
		return "" // these are about several packages
	case own == "policytest" && imported == module+"/policy":
		return "" // what it tests
	case slices.ContainsFunc(shared[imported], func(folder string) bool { return below(own, folder) }):
		return ""
	case below(strings.TrimPrefix(imported, module+"/"), stage(own)):
		return ""
	}
	return "a stage imports the root package and itself only"
}

// stage is the folder that a package belongs to: the first one, or the driver's.
func stage(own string) string {
	parts := strings.Split(own, "/")
	if parts[0] == "appliers" && len(parts) > 1 {
		return path.Join(parts[:2]...)
	}
	return parts[0]
}

func below(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}

type listed struct {
	ImportPath string
	Imports    []string
}

// packages lists the module's packages with what they import outside of tests.
func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			if len(all) < 8 {
				t.Fatalf("only %d packages", len(all))
			}
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
