package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"testing"

	"writegate"
)

func TestCounter(t *testing.T) {
	for _, c := range []struct {
		name, keys string
		stored     row
		op         writegate.Op
		want       string
		then       row
	}{
		{"taken", "qty: {from: previous}", row{"qty": int64(10)}, saw(patch("items", "i", row{"qty": n(17)}), row{"qty": n(20)}), "update", row{"qty": int64(7)}},
		{"as text", "qty: {from: previous}", row{"qty": int64(10)}, saw(patch("items", "i", row{"qty": "17"}), row{"qty": "20"}), "update", row{"qty": int64(7)}},
		{"below zero on the device", "qty: {from: previous, min: 0}", row{"qty": int64(10)}, saw(patch("items", "i", row{"qty": n(-2)}), row{"qty": n(1)}), "update", row{"qty": int64(7)}},
		{"not told from what", "qty: {from: previous}", row{"qty": int64(10)}, patch("items", "i", row{"qty": n(17)}), "counter.previous_missing", row{"qty": int64(10)}},
		{"from null", "qty: {from: previous}", row{"qty": int64(10)}, saw(patch("items", "i", row{"qty": n(2)}), row{"qty": nil}), "update", row{"qty": int64(12)}},
		{"stored null", "qty: {from: previous}", row{"qty": nil}, saw(patch("items", "i", row{"qty": n(2)}), row{"qty": n(1)}), "update", row{"qty": int64(1)}},
		{"set to null", "qty: {from: previous}", row{"qty": int64(1)}, saw(patch("items", "i", row{"qty": nil}), row{"qty": n(1)}), "column.null", row{"qty": int64(1)}},
		{"nothing added", "qty: {from: previous}", row{"qty": int64(10)}, saw(patch("items", "i", row{"qty": n(5)}), row{"qty": n(5)}), "noop", row{"qty": int64(10)}},
		{"from no number", "qty: {from: previous}", row{"qty": int64(10)}, saw(patch("items", "i", row{"qty": n(5)}), row{"qty": "many"}), "column.type", row{"qty": int64(10)}},
		{"no number", "qty: {from: previous}", row{"qty": int64(10)}, patch("items", "i", row{"qty": "many"}), "column.type", row{"qty": int64(10)}},
		{"half of one", "qty: {from: delta}", row{"qty": int64(10)}, patch("items", "i", row{"qty": json.Number("0.5")}), "column.type", row{"qty": int64(10)}},
		{"delta", "qty: {from: delta}", row{"qty": int64(10)}, patch("items", "i", row{"qty": n(-3)}), "update", row{"qty": int64(7)}},
		{"metadata", "qty: {from: metadata.take.qty}", row{"qty": int64(10)}, meta(patch("items", "i", row{"qty": n(1)}), `{"take":{"qty":-3}}`), "update", row{"qty": int64(7)}},
		{"no metadata", "qty: {from: metadata.take}", row{"qty": int64(10)}, meta(patch("items", "i", row{"qty": n(1)}), `{"give":1}`), "counter.previous_missing", row{"qty": int64(10)}},
		{"too little", "qty: {from: delta, min: 0}", row{"qty": int64(2)}, patch("items", "i", row{"qty": n(-3)}), "counter.min", row{"qty": int64(2)}},
		{"the least", "qty: {from: delta, min: 0}", row{"qty": int64(3)}, patch("items", "i", row{"qty": n(-3)}), "update", row{"qty": int64(0)}},
		{"too much", "qty: {from: delta, max: 9}", row{"qty": int64(8)}, patch("items", "i", row{"qty": n(2)}), "counter.max", row{"qty": int64(8)}},
		{"in the author's words", "qty: {from: delta, min: 0, code: stock.insufficient}", row{"qty": int64(2)}, patch("items", "i", row{"qty": n(-3)}), "stock.insufficient", row{"qty": int64(2)}},
		{"cut", "qty: {from: delta, min: 0, on_violation: clamp}", row{"qty": int64(2)}, patch("items", "i", row{"qty": n(-3)}), "update", row{"qty": int64(0)}},
		{"cut to what is there", "qty: {from: delta, min: 0, on_violation: clamp}", row{"qty": int64(0)}, patch("items", "i", row{"qty": n(-3)}), "noop", row{"qty": int64(0)}},
		{"out of bounds before, nearer", "qty: {from: delta, min: 0}", row{"qty": int64(-5)}, patch("items", "i", row{"qty": n(3)}), "update", row{"qty": int64(-2)}},
		{"out of bounds before, farther", "qty: {from: delta, min: 0}", row{"qty": int64(-5)}, patch("items", "i", row{"qty": n(-1)}), "counter.min", row{"qty": int64(-5)}},
		{"out of bounds before, cut", "qty: {from: delta, min: 0, on_violation: clamp}", row{"qty": int64(-5)}, patch("items", "i", row{"qty": n(-1)}), "noop", row{"qty": int64(-5)}},
		{"overflow", "qty: {from: delta}", row{"qty": int64(math.MaxInt64)}, patch("items", "i", row{"qty": n(1)}), "counter.overflow", row{"qty": int64(math.MaxInt64)}},
		{"beyond 53 bits", "qty: {from: delta}", row{"qty": int64(1)<<53 + 1}, patch("items", "i", row{"qty": n(1)}), "update", row{"qty": int64(1)<<53 + 2}},
		{"decimal", "price: {from: previous}", row{"price": "0.1"}, saw(patch("items", "i", row{"price": "0.3"}), row{"price": json.Number("0.1")}), "update", row{"price": "0.3"}},
		{"long decimal", "price: {from: delta}", row{"price": "9007199254740993.000000000001"}, patch("items", "i", row{"price": "-0.000000000002"}), "update", row{"price": "9007199254740992.999999999999"}},
		{"stored NaN", "price: {from: delta}", row{"price": "NaN"}, patch("items", "i", row{"price": "1"}), "policy.error", row{"price": "NaN"}},
		{"created", "qty: {from: previous, min: 0}", nil, put("items", "i", row{"qty": n(4)}), "insert", row{"qty": int64(4)}},
		{"created without", "qty: {from: previous, min: 0}", nil, put("items", "i", row{"title": "t"}), "insert", row{"qty": nil}},
		{"created below", "qty: {from: previous, min: 0}", nil, put("items", "i", row{"qty": n(-4)}), "counter.min", row{"qty": nil}},
		{"created above zero and below", "qty: {from: previous, min: 5}", nil, put("items", "i", row{"qty": n(4)}), "counter.min", row{"qty": nil}},
		{"created and cut", "qty: {from: previous, max: 3, on_violation: clamp}", nil, put("items", "i", row{"qty": n(4)}), "insert", row{"qty": int64(3)}},
		{"put again", "qty: {from: previous}", row{"qty": int64(4)}, put("items", "i", row{"qty": n(4)}), "counter.previous_missing", row{"qty": int64(4)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "", "    counters: {"+c.keys+"}\n")
			if c.stored != nil {
				w.rows["i"] = row{"id": "i", "owner": "u"}
				maps.Copy(w.rows["i"], c.stored)
			}
			w.steps(step{"a", c.op, c.want})
			w.has("i", c.then)
		})
	}
}

// TestCounterNeedsAGrant has a rule that does not list the counter.
func TestCounterNeedsAGrant(t *testing.T) {
	b := bind(t, `policy: 1
claims: {sub: {type: text, required: true}}
tables:
  items:
    counters: {qty: {from: delta}}
    rules:
      - {name: own, ops: [update], row: row.owner == claims.sub, columns: [title]}
      - {name: other, ops: [update], row: row.owner == "x", columns: [qty]}
`, worldSchema)
	j := judgeFor(t, b, "u", nil)
	if got := outcome(run(t, j, patch("items", "i", row{"qty": n(1)}), row{"owner": "u", "qty": int64(1)})); got != "column.forbidden" {
		t.Error(got)
	}
}

// TestCountersNeverConflict adds to a counter on an old version, and with a late stamp.
func TestCountersNeverConflict(t *testing.T) {
	for _, keys := range []string{
		"    conflict: {strategy: version, column: version, on_conflict: reject}\n",
		"    conflict: {strategy: lww, column: edited_at}\n",
		"    conflict: {strategy: field_lww, clocks: clocks}\n",
	} {
		w := newWorld(t, "", "    counters: {qty: {from: delta}}\n"+keys)
		w.rows["i"] = row{"id": "i", "owner": "u", "title": "t", "qty": int64(5), "version": int64(7), "edited_at": now, "clocks": `{"title":"2026-03-01T10:00:00Z"}`}
		late := meta(patch("items", "i", row{"qty": n(2)}), `{"base_version": 3, "client_time": "2026-01-01T00:00:00Z"}`)
		w.steps(step{"a", late, "update"})
		w.has("i", row{"qty": int64(7)})
	}
}

// TestIdentified lists the tables that the ledger is needed for.
func TestIdentified(t *testing.T) {
	s, err := Parse("test.yaml", []byte(`policy: 1
tables:
  a: {counters: {n: {from: delta}}}
  b: {conflict: {strategy: lww, column: at}}
  c: {conflict: {strategy: version, column: v}}
  d: {conflict: {strategy: timestamp, column: at}}
  e: {conflict: {strategy: timestamp, column: at, expected: data}}
  f: {rules: []}
`))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.Identified()); got != "[a c d]" {
		t.Error(got)
	}
}

func TestOnceAndLinked(t *testing.T) {
	for _, c := range []struct {
		keys         string
		op           writegate.Op
		once, linked bool
	}{
		{"    counters: {qty: {from: delta}}\n", patch("items", "i", row{"qty": n(1)}), true, false},
		{"    counters: {qty: {from: delta}}\n", patch("items", "i", row{"title": "t"}), false, false},
		{versioned, patch("items", "i", row{"title": "t"}), true, true},
		{versioned, del("items", "i"), false, true},
		{"    conflict: {strategy: timestamp, column: edited_at}\n", put("items", "i", row{"title": "t"}), true, true},
		{"    conflict: {strategy: timestamp, column: edited_at, expected: data}\n", patch("items", "i", row{"title": "t"}), false, false},
		{"    conflict: {strategy: lww, column: edited_at}\n", patch("items", "i", row{"title": "t"}), false, false},
		{"    conflict: {strategy: lww, column: edited_at, tie: server}\n", patch("items", "i", row{"title": "t"}), false, true},
		{"    conflict: {strategy: field_lww, clocks: clocks, tie: client_id}\n", patch("items", "i", row{"title": "t"}), false, false},
		{"    conflict: {strategy: none}\n", patch("items", "i", row{"title": "t"}), false, false},
	} {
		w := newWorld(t, "", c.keys)
		j := judgeFor(t, w.b, "u", nil)
		a, refusal := j.Admit(&c.op)
		if refusal != nil {
			t.Fatal(refusal)
		}
		if a.Once != c.once || a.Linked != c.linked {
			t.Errorf("%s %v: once %v, linked %v", c.keys, c.op, a.Once, a.Linked)
		}
	}
}
