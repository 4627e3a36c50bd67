package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// change is what one device did to one column or several, by its clock.
type change struct {
	device string
	at     time.Time
	values row
}

// interleave mixes the changes of devices at random. The order of each device's own stays.
func interleave(r *rand.Rand, devices [][]change) []change {
	next := make([]int, len(devices))
	var out []change
	for {
		var open []int
		for i := range devices {
			if next[i] < len(devices[i]) {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			return out
		}
		i := open[r.IntN(len(open))]
		out = append(out, devices[i][next[i]])
		next[i]++
	}
}

// randomChanges has devices change columns, with so few different stamps that there are ties, and clocks that are ahead.
func randomChanges(r *rand.Rand, whole bool) [][]change {
	devices := make([][]change, 3)
	for d := range devices {
		for range 1 + r.IntN(5) {
			c := change{device: fmt.Sprint("d", d), at: now.Add(time.Duration(r.IntN(7)-3) * time.Minute), values: row{}}
			for _, name := range []string{"title", "notes", "tags"} {
				if whole || r.IntN(2) == 0 {
					c.values[name] = fmt.Sprintf(`["%d"]`, r.IntN(3)) // often what is there
				}
			}
			devices[d] = append(devices[d], c)
		}
	}
	return devices
}

// winners says what has to be left: of each column the value with the greatest stamp, of equal ones that of the device
// with the greatest name, of its own the last.
func winners(devices [][]change) row {
	type win struct {
		at     time.Time
		device string
	}
	out, best := row{}, map[string]win{}
	for _, changes := range devices {
		for _, c := range changes {
			at := c.at
			if limit := now.Add(2 * time.Minute); at.After(limit) {
				at = limit
			}
			for name, v := range c.values {
				b, ok := best[name]
				if !ok || at.After(b.at) || at.Equal(b.at) && c.device >= b.device {
					best[name], out[name] = win{at, c.device}, v
				}
			}
		}
	}
	return out
}

// TestOrderMakesNoDifference sends the same changes in many orders: what is left is the same each time, and what a loop
// over all changes says.
func TestOrderMakesNoDifference(t *testing.T) {
	for name, c := range map[string]struct {
		keys  string
		whole bool
	}{
		"columns": {"strategy: field_lww, clocks: clocks, tie: client_id", false},
		"rows":    {"strategy: lww, column: edited_at, tie: client_id, writer: writer", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "", "    conflict: {"+c.keys+"}\n")
			for seed := range uint64(100) {
				r := rand.New(rand.NewPCG(seed, 4))
				devices := randomChanges(r, c.whole)
				want := winners(devices)
				var first row
				for range 6 {
					w.rows["i"] = row{"id": "i", "owner": "u", "title": nil, "notes": nil, "tags": nil, "clocks": nil, "edited_at": nil, "writer": nil}
					for _, c := range interleave(r, devices) {
						if len(c.values) == 0 {
							continue
						}
						if got := w.do(c.device, at(writegate.Op{Kind: writegate.Patch, Table: "items", ID: "i", Data: c.values}, c.at)); got != "update" && got != "noop" {
							t.Fatalf("seed %d: %s", seed, got)
						}
					}
					w.has("i", want)
					if first == nil {
						first = maps.Clone(w.rows["i"])
					}
					if diff := cmp.Diff(first, w.rows["i"]); diff != "" {
						t.Fatalf("seed %d: two orders differ:\n%s", seed, diff)
					}
				}
			}
		})
	}
}
