//go:build !failpoint

package main

// failpoint is nothing outside of tests.
func failpoint() func(stage string) { return nil }
