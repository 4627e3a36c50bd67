package policy

import (
	"testing"
	"time"

	"writegate"
)

func TestMerge(t *testing.T) {
	early, late := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, how          string
		of                 writegate.Type
		stored, sent, seen any
		unseen, same       bool
		want               any // nil for null
		conflict           bool
	}{
		{name: "the client's", how: "client", stored: "a", sent: "b", want: "b"},
		{name: "the server's", how: "server", stored: "a", sent: "b", want: "a"},
		{name: "nobody's", how: "conflict", stored: "a", sent: "b", conflict: true},
		{name: "seen as it is", how: "if_unchanged", stored: "a", sent: "b", seen: "a", same: true, want: "b"},
		{name: "seen otherwise", how: "if_unchanged", stored: "a", sent: "b", seen: "c", conflict: true},
		{name: "not told what was seen", how: "if_unchanged", stored: "a", sent: "b", unseen: true, conflict: true},

		{name: "union", how: "set_union", of: writegate.List, stored: `["a", "b"]`, sent: `["c","b","c"]`, want: writegate.JSON(`["a","b","c"]`)},
		{name: "union of nothing new", how: "set_union", of: writegate.List, stored: `["a", "b"]`, sent: `["b"]`, want: `["a", "b"]`},
		{name: "union with null", how: "set_union", of: writegate.List, stored: nil, sent: `[1]`, want: writegate.JSON(`[1]`)},
		{name: "union of nulls", how: "set_union", of: writegate.List, stored: nil, sent: nil, want: nil},
		{name: "union of objects", how: "set_union", of: writegate.Document, stored: `[{"a":1,"b":2}]`, sent: `[{"b":2, "a":1}, {"c":3}]`, want: writegate.JSON(`[{"a":1,"b":2},{"c":3}]`)},
		{name: "union with what is no array", how: "set_union", of: writegate.Document, stored: `{"a":1}`, sent: `["b"]`, conflict: true},
		{name: "union of text that is no array", how: "set_union", of: writegate.Text, stored: `a`, sent: `["b"]`, conflict: true},

		{name: "added and removed", how: "set_diff", of: writegate.List, stored: `["a","b","x"]`, seen: `["a","b"]`, sent: `["b","c"]`, want: writegate.JSON(`["b","x","c"]`)},
		{name: "removed by both", how: "set_diff", of: writegate.List, stored: `["b"]`, seen: `["a","b"]`, sent: `["b"]`, want: `["b"]`},
		{name: "not told what to differ from", how: "set_diff", of: writegate.List, stored: `["b"]`, sent: `["b","c"]`, unseen: true, conflict: true},
		{name: "from what is no array", how: "set_diff", of: writegate.List, stored: `["b"]`, seen: `7`, sent: `["b","c"]`, conflict: true},

		{name: "appended", how: "append", of: writegate.List, stored: `["a","x"]`, seen: `["a"]`, sent: `["a","b","b"]`, want: writegate.JSON(`["a","x","b","b"]`)},
		{name: "not only appended", how: "append", of: writegate.List, stored: `["a","x"]`, seen: `["a"]`, sent: `["b"]`, conflict: true},
		{name: "appended to text", how: "append", of: writegate.Text, stored: "one. two.", seen: "one.", sent: "one. three.", want: "one. two. three."},
		{name: "not only appended to text", how: "append", of: writegate.Text, stored: "one. two.", seen: "one.", sent: "won.", conflict: true},
		{name: "appended to null", how: "append", of: writegate.Text, stored: nil, seen: nil, sent: "x", want: "x"},
		{name: "not told what was appended to", how: "append", of: writegate.Text, stored: "a", sent: "ab", unseen: true, conflict: true},

		{name: "greater int", how: "max", of: writegate.Int, stored: int64(3), sent: int64(4), want: int64(4)},
		{name: "not greater int", how: "max", of: writegate.Int, stored: int64(5), sent: int64(4), want: int64(5)},
		{name: "less int", how: "min", of: writegate.Int, stored: int64(3), sent: int64(4), want: int64(3)},
		{name: "greater decimal", how: "max", of: writegate.Decimal, stored: "9.50", sent: "10.1", want: "10.1"},
		{name: "less decimal", how: "min", of: writegate.Decimal, stored: "-9", sent: "-10", want: "-10"},
		{name: "decimals that are equal", how: "max", of: writegate.Decimal, stored: "1.0", sent: "1.00", want: "1.0"},
		{name: "no number", how: "max", of: writegate.Decimal, stored: "NaN", sent: "1", conflict: true},
		{name: "later", how: "max", of: writegate.Timestamp, stored: early, sent: late, want: late},
		{name: "earlier", how: "min", of: writegate.Timestamp, stored: early, sent: late, want: early},
		{name: "later day", how: "max", of: writegate.Date, stored: "2026-01-09", sent: "2026-01-10", want: "2026-01-10"},
		{name: "greater than null", how: "max", of: writegate.Int, stored: nil, sent: int64(-1), want: int64(-1)},
		{name: "less than null", how: "min", of: writegate.Int, stored: int64(1), sent: nil, want: int64(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			col := &column{Column: &writegate.Column{Type: c.of}}
			got, ok := mergers[c.how].merge(col, versions{stored: c.stored, sent: c.sent, seen: c.seen, knows: !c.unseen, same: c.same})
			if ok == c.conflict {
				t.Fatalf("got %v, conflict %v", got, !ok)
			}
			if ok && !writegate.SameValue(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func FuzzMergeLists(f *testing.F) {
	f.Add(`["a"]`, `["b"]`, `["a","b"]`)
	f.Add(`[{"a":[1]}]`, `null`, `[]`)
	f.Fuzz(func(t *testing.T, stored, sent, seen string) {
		col := &column{Column: &writegate.Column{Type: writegate.List}}
		for _, how := range []string{"set_union", "set_diff", "append"} {
			v := versions{stored: stored, sent: sent, seen: seen, knows: true}
			merged, ok := mergers[how].merge(col, v)
			if !ok {
				continue
			}
			all, readable := elements(merged)
			if !readable {
				t.Fatalf("%s made %v", how, merged)
			}
			have := setOf(all)
			was, _ := elements(stored)
			kept, _ := elements(sent)
			removed := setOf(nil)
			if how == "set_diff" {
				before, _ := elements(seen)
				removed = setOf(before)
				for _, e := range kept {
					delete(removed, e)
				}
			}
			for _, e := range was {
				if !have[e] && !removed[e] {
					t.Errorf("%s lost %s", how, e)
				}
			}
			for _, e := range kept {
				if how == "set_union" && !have[e] {
					t.Errorf("the union lacks %s", e)
				}
			}
		}
	})
}
