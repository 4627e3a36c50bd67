package breaker

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"writegate/internal/daemontest"
	"writegate/internal/planted"
)

// TestPlanted builds daemons with a fault each, and demands that a run of two minutes on Postgres finds a violation.
// The faults are in testdata/planted; see [planted.Read]. As that takes minutes for each, only
// WRITEGATE_VERIFY=1 runs them; otherwise this looks whether each has its place in the code.
func TestPlanted(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "planted", "*.txtar"))
	if err != nil || len(files) < 12 {
		t.Fatalf("%d planted faults: %v", len(files), err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		fault, err := planted.Read(root, file)
		if err != nil {
			t.Error(err)
			continue
		}
		if os.Getenv("WRITEGATE_VERIFY") != "1" {
			continue
		}
		t.Run(fault.Name, func(t *testing.T) { find(t, fault) })
	}
}

// find makes runs of two minutes altogether until one finds something.
func find(t *testing.T, fault *planted.Fault) {
	overlay, err := fault.Overlay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	binary := daemontest.Build(t, overlay)
	for _, seconds := range []time.Duration{20, 40, 60} {
		report := onEngine(t, "postgres", Postgres, binary, seconds*time.Second, 30*time.Second)
		if report.Violations > 0 {
			t.Logf("%d violations in %d seconds, the first: %s", report.Violations, seconds, report.ViolationTexts[0])
			return
		}
	}
	t.Errorf("the fault in %s is not found within two minutes", fault.Values["file"])
}
