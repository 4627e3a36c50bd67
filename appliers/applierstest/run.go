package applierstest

import (
	"flag"
	"path/filepath"
	"slices"
	"testing"
)

// testdata is that of the module, as seen from the folder of a driver.
var testdata = filepath.Join("..", "..", "testdata")

// Run tests a driver against the contract of [writegate.Applier], alone and under a pipeline.
func Run(t *testing.T, h Harness) {
	t.Helper()
	s := &suite{Harness: h, asked: map[Feature]bool{}}
	if s.Scripts == "" {
		s.Scripts = filepath.Join(testdata, "conformance")
	}
	groups := []struct {
		name  string
		cases []testCase
	}{
		{"schema", schemaCases},
		{"transaction", transactionCases},
		{"ledger", ledgerCases},
		{"load", loadCases},
		{"find", findCases},
		{"lock", lockCases},
		{"links", linkCases},
		{"write", writeCases},
		{"keys", keyCases},
		{"names", nameCases},
		{"constraint", constraintCases},
		{"value", valueCases},
		{"concurrency", concurrencyCases},
		{"race", raceCases},
		{"pitfall", pitfallCases},
		{"lifecycle", lifecycleCases},
		{"shelf", shelfCases},
		{"keeper", slices.Concat(keeperCases, historyCases, letterCases, pruneCases)},
	}
	for _, group := range groups {
		for _, c := range group.cases {
			t.Run(group.name+"/"+c.name, func(t *testing.T) {
				s.need(t, c.needs...)
				c.run(t, s)
			})
		}
	}
	t.Run("script", func(t *testing.T) { s.scripts(t, s.Scripts) })
	t.Run("pitfall", func(t *testing.T) { s.scripts(t, filepath.Join(testdata, "pitfalls")) })
	t.Run("attack", func(t *testing.T) { s.scripts(t, attacks) })
	t.Run("history", s.histories)
	t.Run("pitfall/p17_tests_decide_as_the_server_does", s.decisions)
	all := flag.Lookup("test.run").Value.String() == ""
	for feature, reason := range h.Without {
		if all && !s.asked[feature] {
			t.Errorf("%s goes without %q (%s), but no case asked for it", h.Name, feature, reason)
		}
	}
	if all {
		s.leaveRecord(t)
	}
}

// testCase is one promise.
type testCase struct {
	name  string
	run   func(t *testing.T, s *suite)
	needs []Feature
}
