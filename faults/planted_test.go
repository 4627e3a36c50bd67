package faults

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"writegate/internal/planted"
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
	fault, err := planted.Read(root, path)
	if err != nil {
		t.Fatal(err)
	}
	file, args := fault.Values["file"], fault.Values["test"]
	if args == "" {
		t.Fatalf("%s: want the line test:", path)
	}
	if os.Getenv("WRITEGATE_VERIFY") != "1" {
		return
	}
	overlay, err := fault.Overlay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1", "-timeout=10m"}, strings.Fields(args)...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOFLAGS="+overlay, "WRITEGATE_VERIFY=") // also for what the tests build themselves, and in few rounds
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
