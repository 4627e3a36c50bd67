package acceptance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"writegate/appliers/memory"
)

const countingPolicy = `policy: 1
claims: {sub: {path: sub, type: text, required: true}}
tables:
  gadgets:
    default: {owner: claims.sub}
    counters: {qty: {from: previous}}
    rules: [{name: own, ops: [create, update], row: row.owner == claims.sub, columns: [qty, title]}]
`

// counters makes devices that each count up and down on what they see, beginning with the same number, and what all of it
// comes to.
func counters(r *rand.Rand, id string, start, devices, ops int) (all []*device, sum int) {
	sum = start
	for d := range devices {
		dev := &device{id: fmt.Sprint(id, "-", d)}
		local := start
		for range ops {
			delta := r.IntN(41) - 20
			dev.edit("PATCH", id, entry{"qty": local + delta}, previous("qty", local))
			local, sum = local+delta, sum+delta
		}
		all = append(all, dev)
	}
	return all, sum
}

// begin makes the row that is counted on.
func begin(s *stage, id string, start int) {
	s.t.Helper()
	maker := device{id: id + "-maker"}
	maker.edit("PUT", id, entry{"qty": start})
	if got := maker.send(s, 0, 1, 1); got[0] != "applied" {
		s.t.Fatal(got)
	}
}

// TestCountersAddUp sends what five devices counted 10,000 times over, in pieces of all sizes: an upload may come again at
// any time, whole or in part, and grouped otherwise. The first time the operations of a device come in its order, as they
// do from a queue.
func TestCountersAddUp(t *testing.T) {
	eachGadgets(t, func(t *testing.T, s *stage) {
		uploads := 10_000
		if _, inMemory := s.applier.(*memory.DB); !inMemory || testing.Short() {
			uploads = 500
		}
		s.use(countingPolicy)
		r := rand.New(rand.NewPCG(7, uint64(uploads)))
		begin(s, "g", 100)
		devices, want := counters(r, "g", 100, 5, 60)
		next := make([]int, len(devices))
		for n := range uploads {
			at := r.IntN(len(devices))
			d := devices[at]
			from := r.IntN(next[at] + 1)
			to := min(from+1+r.IntN(8), len(d.ops))
			if n >= uploads-len(devices) { // whatever is still missing
				d, from, to = devices[uploads-1-n], 0, len(d.ops)
			}
			if from == to {
				continue
			}
			for i, got := range d.send(s, from, to, 1+r.IntN(4)) {
				if got != "applied" && got != "noop" {
					t.Fatalf("upload %d: operation %d of %s is %s", n, from+i, d.id, got)
				}
			}
			next[at] = max(next[at], to)
		}
		if got := s.gadget("g", "qty"); got != fmt.Sprint(want) {
			t.Errorf("%d uploads left %s, want %d", uploads, got, want)
		}
	})
}

// TestAnyOrderGivesTheSum mixes the operations of devices at random, each sent any number of times.
func TestAnyOrderGivesTheSum(t *testing.T) {
	s := openMemory(t)
	s.use(countingPolicy)
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 9))
		id := fmt.Sprint("g", seed)
		begin(s, id, 50)
		devices, want := counters(r, id, 50, 1+r.IntN(4), 1+r.IntN(10))
		var schedule []int // device and operation in one number
		for d := range devices {
			for op := range devices[d].ops {
				for range 1 + r.IntN(4) {
					schedule = append(schedule, d<<16|op)
				}
			}
		}
		r.Shuffle(len(schedule), func(i, j int) { schedule[i], schedule[j] = schedule[j], schedule[i] })
		for _, n := range schedule {
			d, op := devices[n>>16], n&0xffff
			if got := d.send(s, op, op+1, 1); !slices.Contains([]string{"applied", "noop"}, got[0]) {
				t.Fatalf("seed %d: %s", seed, got)
			}
		}
		if got := s.gadget(id, "qty"); got != fmt.Sprint(want) {
			t.Errorf("seed %d: %s, want %d", seed, got, want)
		}
	}
}

// TestCountersNeedIdentity sends operations that nobody could tell from their repetition.
func TestCountersNeedIdentity(t *testing.T) {
	eachGadgets(t, func(t *testing.T, s *stage) {
		s.use(countingPolicy)
		begin(s, "g", 10)
		for range 2 {
			nameless := device{}
			nameless.edit("PATCH", "g", entry{"qty": 7}, previous("qty", 10))
			nameless.edit("PATCH", "g", entry{"title": "any"})
			if got := nameless.send(s, 0, 1, 1); got[0] != "identity.missing" {
				t.Error(got)
			}
			nameless.send(s, 1, 2, 1)
		}
		if got := s.gadget("g", "qty", "title"); got != "10 any" {
			t.Error(got)
		}
	})
}
