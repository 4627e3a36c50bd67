// Package testserver tells tests where the servers are that they need.
package testserver

import (
	"os"
	"testing"
)

// Named returns what an environment variable says of a server. Where it says nothing the test is skipped, and fails where
// WRITEGATE_TEST_ALL is 1.
func Named(t testing.TB, variable string) string {
	t.Helper()
	server := os.Getenv(variable)
	if server == "" {
		if os.Getenv("WRITEGATE_TEST_ALL") == "1" {
			t.Fatal(variable + " is not set")
		}
		t.Skip(variable + " is not set: make engines-up")
	}
	return server
}
