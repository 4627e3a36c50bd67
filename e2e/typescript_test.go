package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// typescript is the folder of the connector, with its packages installed.
func typescript(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../clients/typescript")
	if err != nil {
		t.Fatal(err)
	}
	if err := install(dir); err != nil {
		skipOrFail(t, "the compiler of TypeScript can't be installed: "+err.Error())
	}
	return dir
}

// in runs Node.js in a folder.
func (n nodeRuntime) in(t *testing.T, dir string, args ...string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), n.bin, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return &scriptError{"node " + args[0], err, string(out)}
	}
	return nil
}

const tsc = "node_modules/typescript/bin/tsc"

// TestTypeScriptPackage checks the types of clients/typescript against the SDK, and runs its own tests.
func TestTypeScriptPackage(t *testing.T) {
	node, dir := needNode(t), typescript(t)
	for _, args := range [][]string{{tsc}, {"--test", "test/*.test.ts"}} {
		if err := node.in(t, dir, args...); err != nil {
			t.Error(err)
		}
	}
}

// around is what the app has around the example of docs/connectors.md.
const around = `import type { CommonPowerSyncDatabase } from '@powersync/common';
declare const db: CommonPowerSyncDatabase;
declare const auth: { sessionToken(): Promise<string | null> };
declare const notes: { add(message: string, code: string | undefined, crud: object[]): Promise<void> };
`

// TestDocumentedConnector compiles the TypeScript of docs/connectors.md as it stands there.
func TestDocumentedConnector(t *testing.T) {
	node, dir := needNode(t), typescript(t)
	text, err := os.ReadFile("../docs/connectors.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```ts\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("docs/connectors.md has no TypeScript")
	}
	project, err := json.Marshal(map[string]any{
		"extends": filepath.Join(dir, "tsconfig.json"),
		"compilerOptions": map[string]any{
			"types": []string{},
			"paths": map[string][]string{
				"writegate-connector": {filepath.Join(dir, "src/index.ts")},
				"@powersync/common":   {filepath.Join(dir, "node_modules/@powersync/common/lib/index.d.ts")},
			},
		},
		"include": []string{"app.mts"},
	})
	if err != nil {
		t.Fatal(err)
	}
	app := t.TempDir()
	for name, content := range map[string][]byte{"tsconfig.json": project, "app.mts": append([]byte(around), found[1]...)} {
		if err := os.WriteFile(filepath.Join(app, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := node.in(t, dir, tsc, "-p", app); err != nil {
		t.Error(err)
	}
}
