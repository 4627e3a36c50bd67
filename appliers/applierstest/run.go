package applierstest

import "testing"

// Run tests a driver against the contract.
func Run(t *testing.T, h Harness) {
	t.Helper()
	s := &suite{Harness: h, asked: map[Feature]bool{}}
	t.Run("driver", s.driver)
	for feature, reason := range h.Without {
		if !s.asked[feature] {
			t.Errorf("%s goes without %q (%s), but no case asked for it", h.Name, feature, reason)
		}
	}
}
