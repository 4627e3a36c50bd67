package main

import (
	"os"
	"runtime"
	"testing"
)

// TestThreads: a small machine gets more places for goroutines than it has processors, unless somebody says otherwise.
func TestThreads(t *testing.T) {
	for name, tt := range map[string]struct {
		now, processors int
		set             string
		want            int
	}{
		"one processor":         {now: 1, processors: 1, want: 4},
		"two processors":        {now: 2, processors: 2, want: 4},
		"enough processors":     {now: 16, processors: 16, want: 16},
		"a container's quota":   {now: 2, processors: 16, want: 2},
		"the operator's number": {now: 2, processors: 2, set: "2", want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			if n := threads(tt.now, tt.processors, tt.set); n != tt.want {
				t.Errorf("%d, want %d", n, tt.want)
			}
		})
	}
}

// TestSpareThreads shows that what serve changes is as before when it is over.
func TestSpareThreads(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	want := threads(before, runtime.NumCPU(), os.Getenv("GOMAXPROCS"))
	done := spareThreads()
	during := runtime.GOMAXPROCS(0)
	done()
	if after := runtime.GOMAXPROCS(0); during != want || after != before {
		t.Errorf("%d, then %d, then %d", before, during, after)
	}
}
