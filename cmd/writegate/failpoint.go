//go:build failpoint

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// failpoint reads WRITEGATE_FAILPOINT, stage:kill:n: the process ends itself as by kill -9 when that stage is
// over for the n-th time. It is only in binaries built for tests.
func failpoint() func(stage string) {
	spec := os.Getenv("WRITEGATE_FAILPOINT")
	if spec == "" {
		return nil
	}
	parts := strings.Split(spec, ":")
	if len(parts) != 3 || parts[1] != "kill" {
		panic(fmt.Sprintf("WRITEGATE_FAILPOINT=%q: want stage:kill:n", spec))
	}
	left, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || left < 1 {
		panic(fmt.Sprintf("WRITEGATE_FAILPOINT=%q: want a number from 1", spec))
	}
	var count atomic.Int64
	return func(stage string) {
		if stage != parts[0] || count.Add(1) < left {
			return
		}
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err != nil {
			panic(err)
		}
		select {} // the signal is on its way; nothing may happen any more
	}
}
