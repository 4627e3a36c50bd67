package applierstest

import "testing"

type suite struct {
	Harness
	asked map[Feature]bool
}

// need skips a case that the database cannot run, with the reason its harness gives.
func (s *suite) need(t *testing.T, features ...Feature) {
	t.Helper()
	for _, f := range features {
		s.asked[f] = true
	}
	for _, f := range features {
		if reason, without := s.Without[f]; without {
			t.Skipf("%s is without %s: %s", s.Name, f, reason)
		}
	}
}

func (s *suite) driver(t *testing.T) {}
