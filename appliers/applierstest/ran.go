package applierstest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// ranVariable names a folder in which each suite that ran as a whole says so, on which server and without what.
// Whoever has to be sure that a database was tested looks there: a run that skips its tests is green as well.
const ranVariable = "WRITEGATE_TEST_RAN"

// leaveRecord writes the line of this run. A suite that failed, or ran in part, leaves none.
func (s *suite) leaveRecord(t *testing.T) {
	dir := os.Getenv(ranVariable)
	if dir == "" || t.Failed() {
		return
	}
	server := s.Name
	if v, ok := s.Open(t).Applier.(interface {
		Version(ctx context.Context) (string, error)
	}); ok {
		version, err := v.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		server = version
	}
	var without []string
	for _, f := range slices.Sorted(maps.Keys(s.Without)) {
		without = append(without, fmt.Sprintf("%s (%s)", f, s.Without[f]))
	}
	line := server + ": every case"
	if len(without) > 0 {
		line += " but " + strings.Join(without, ", ")
	}
	file, err := os.CreateTemp(dir, strings.ReplaceAll(s.Name, "/", "_")+"-*")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(file, line); err != nil {
		t.Error(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}
