package main

import (
	"os"
	"runtime"
)

// leastThreads is how many goroutines may run at once on a machine that has fewer processors. A large upload can keep one
// busy for a second and the garbage collector another, and a goroutine that has begun keeps its place for 10 ms: with two
// places, every step of everybody else's uploads waits as long. With more, the system shares the processors among threads.
const leastThreads = 4

// spareThreads has at least leastThreads places for goroutines until it is called off.
func spareThreads() (done func()) {
	now := runtime.GOMAXPROCS(0)
	n := threads(now, runtime.NumCPU(), os.Getenv("GOMAXPROCS"))
	if n == now {
		return func() {}
	}
	runtime.GOMAXPROCS(n)
	return runtime.SetDefaultGOMAXPROCS
}

// threads is how many there should be. What the operator sets stays, and so does what follows from a container's quota: a
// process with more threads than that is stopped for the rest of each period.
func threads(now, processors int, set string) int {
	if set != "" || now < processors {
		return now
	}
	return max(now, leastThreads)
}
