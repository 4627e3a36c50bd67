package faults

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestPlanted breaks the code on purpose, one fault after the other, and demands that the named tests fail.
// Each file of testdata/planted is a txtar archive: the comment says what is broken and, in lines "file:" and
// "test:", where and which `go test` arguments must notice; "old" is replaced by "new". The tree itself is
// not touched: the compiler reads the broken file through an overlay. As that takes minutes, only WRITEGATE_VERIFY=1
// plants them; otherwise it looks whether each has its place in the code.
func TestPlanted(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	faults, err := filepath.Glob(filepath.Join(root, "testdata", "planted", "*.txtar"))
	if err != nil || len(faults) == 0 {
		t.Fatalf("no planted faults: %v", err)
	}
	for _, path := range faults {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { plant(t, root, path) })
	}
}

func plant(t *testing.T, root, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file, args string
	for line := range strings.Lines(string(archive.Comment)) {
		if v, ok := strings.CutPrefix(line, "file:"); ok {
			file = strings.TrimSpace(v)
		}
		if v, ok := strings.CutPrefix(line, "test:"); ok {
			args = strings.TrimSpace(v)
		}
	}
	if file == "" || args == "" || len(archive.Files) != 2 {
		t.Fatalf("%s: want the lines file: and test:, and the parts old and new", path)
	}
	source := filepath.Join(root, filepath.FromSlash(file))
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	old, broken := bytes.TrimRight(archive.Files[0].Data, "\n"), bytes.TrimRight(archive.Files[1].Data, "\n")
	if n := bytes.Count(text, old); n != 1 {
		t.Fatalf("%s: the old text occurs %d times in %s, want once", path, n, file)
	}
	if os.Getenv("WRITEGATE_VERIFY") != "1" {
		return
	}
	dir := t.TempDir()
	replacement := filepath.Join(dir, "broken.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: replacement}})
	if err != nil {
		t.Fatal(err)
	}
	overlayPath := filepath.Join(dir, "overlay.json")
	for name, data := range map[string][]byte{replacement: bytes.Replace(text, old, broken, 1), overlayPath: overlay} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1", "-timeout=10m"}, strings.Fields(args)...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlayPath, "WRITEGATE_VERIFY=") // also for what the tests build themselves, and in few rounds
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		t.Errorf("the fault in %s goes unnoticed by go test %s:\n%s", file, args, out)
	case bytes.Contains(out, []byte("[build failed]")):
		t.Errorf("the fault in %s does not compile:\n%s", file, out)
	case len(failed(out)) == 0: // as when all takes too long
		t.Errorf("with the fault in %s no test fails, but go test %s does not end well either:\n%s", file, args, out)
	default:
		t.Logf("noticed by %s", strings.Join(failed(out), ", "))
	}
}

// failed lists the tests that go test names as failed, the innermost ones first.
func failed(out []byte) []string {
	var names []string
	for line := range strings.Lines(string(out)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); ok {
			names = append(names, strings.Fields(v)[0])
		}
	}
	return names
}
