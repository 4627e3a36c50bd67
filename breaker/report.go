package breaker

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// counts counts what happens, and the faults by who has them.
type counts struct {
	mu     sync.Mutex
	events map[string]int
	faults map[string]int
}

func newCounts() *counts { return &counts{events: map[string]int{}, faults: map[string]int{}} }

func (c *counts) add(event string) { c.some(event, 1) }

func (c *counts) some(event string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events[event] += n
}

func (c *counts) fault(where, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults[where+": "+what]++
}

// violationsMost is how many of them are told.
const violationsMost = 20

// violations are the promises that were not kept.
type violations struct {
	mu  sync.Mutex
	n   int
	all []string
}

func (v *violations) add(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.n++; v.n <= violationsMost {
		v.all = append(v.all, fmt.Sprintf(format, args...))
	}
}

// Report is what happened in a run.
type Report struct {
	Database string
	Seed     uint64
	// Violations are the promises that were not kept, the first ones in words.
	Violations     int
	ViolationTexts []string
	// Events counts what happened, Faults what was done to make it go wrong.
	Events, Faults map[string]int
	// WorstDelay is how long a transaction waited in its queue until it was settled.
	WorstDelay time.Duration
}

func (r *run) report() *Report {
	out := &Report{
		Database: r.Database.Name(), Seed: r.Seed, Violations: r.faults.n, ViolationTexts: r.faults.all,
		Events: maps.Clone(r.counts.events), Faults: maps.Clone(r.counts.faults),
	}
	for _, d := range r.devices {
		out.WorstDelay = max(out.WorstDelay, d.worst)
		out.Events["files restored from a backup"] += max(0, d.restored)
	}
	for _, file := range r.logs() {
		out.Events["operations answered from the ledger"] += replays(file)
	}
	return out
}

var replayed = regexp.MustCompile(` replayed=(\d+)`)

// replays sums up what the log of a daemon says.
func replays(file string) (n int) {
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if m := replayed.FindSubmatch(s.Bytes()); m != nil {
			k, _ := strconv.Atoi(string(m[1]))
			n += k
		}
	}
	return n
}

// String is the report for people.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, seed %d: %d violations\n", r.Database, r.Seed, r.Violations)
	for _, text := range r.ViolationTexts {
		fmt.Fprintf(&b, "  VIOLATION %s\n", text)
	}
	total := 0
	for _, n := range r.Faults {
		total += n
	}
	list := func(title string, of map[string]int) {
		fmt.Fprintf(&b, "%s\n", title)
		for _, name := range slices.Sorted(maps.Keys(of)) {
			fmt.Fprintf(&b, "  %8d  %s\n", of[name], name)
		}
	}
	list("what happened", r.Events)
	list(fmt.Sprintf("%d faults", total), r.Faults)
	fmt.Fprintf(&b, "worst delay in a queue: %v\n", r.WorstDelay.Round(time.Millisecond))
	return b.String()
}
