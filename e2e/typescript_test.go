package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTypeScriptPackage checks the types of clients/typescript against the SDK, and runs its own tests.
func TestTypeScriptPackage(t *testing.T) {
	node := needNode(t)
	dir, err := filepath.Abs("../clients/typescript")
	if err != nil {
		t.Fatal(err)
	}
	if err := install(dir); err != nil {
		skipOrFail(t, "the compiler of TypeScript can't be installed: "+err.Error())
	}
	for _, args := range [][]string{{"node_modules/typescript/bin/tsc"}, {"--test"}} {
		cmd := exec.CommandContext(t.Context(), node.bin, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Error(&scriptError{"node " + args[0], err, string(out)})
		}
	}
}
