// Package e2e drives the real PowerSync client, the one from npm, against the real binary.
package e2e

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
