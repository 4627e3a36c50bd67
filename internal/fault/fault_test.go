package fault_test

import (
	"testing"

	"writegate/internal/fault"
)

func TestFaults(t *testing.T) {
	fs := fault.Faults{
		{File: "a.yaml", Line: 2, Column: 1, Path: "server", Message: "second"},
		{File: "a.yaml", Line: 2, Column: 1, Message: "as it was"},
		{File: "a.yaml", Line: 1, Column: 10, Path: "x.y", Message: "first"},
		{File: "a.yaml", Line: 1, Column: 9, Message: "before"},
		{File: "environment", Path: "PORT", Message: "none"},
	}
	fault.Sort(fs)
	const want = `environment: PORT: none
a.yaml:1:9: before
a.yaml:1:10: x.y: first
a.yaml:2:1: server: second
a.yaml:2:1: as it was`
	if got := fs.Error(); got != want {
		t.Errorf("faults are\n%s\nwant\n%s", got, want)
	}
}
