package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// noon is when the scenarios begin; the devices made their changes before.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// play is what two devices, A and B, do offline to one row that both know, and what has to come of it.
type play struct {
	name string
	// keys are of the table.
	keys string
	// start is the row as a third device makes it, at noon and a second.
	start entry
	begun entry // what comes with it
	a, b  []turn
	// orders say which device sends its next operation, and what comes of each of them and of the row.
	orders map[string]upshot
	show   []string
}

type turn struct {
	data entry
	more entry
}

type upshot struct{ ops, row string }

func version(n int) entry { return entry{"metadata": fmt.Sprintf(`{"base_version": %d}`, n)} }

func seen(n int, previous entry) entry {
	return entry{"metadata": fmt.Sprintf(`{"base_version": %d}`, n), "previous_values": previous}
}

// minute is a change that the device made so many minutes after eleven.
func minute(n int) entry {
	return entry{"metadata": fmt.Sprintf(`{"client_time": "2026-03-01T11:%02d:00Z"}`, n)}
}

func previous(name string, v any) entry { return entry{"previous_values": entry{name: v}} }

// synced is the time of the row at the beginning, as the sync service sends it down: cut to milliseconds.
var synced = previous("edited_at", "2026-03-01T12:00:01.000Z")

var plays = []play{
	{
		name: "version", keys: "conflict: {strategy: version, column: version}",
		start: entry{"title": "zero"},
		a:     []turn{{entry{"title": "a1"}, version(1)}, {entry{"title": "a2"}, version(1)}},
		b:     []turn{{entry{"title": "b1"}, version(1)}, {entry{"notes": "b2"}, version(1)}},
		orders: map[string]upshot{
			"AABB": {"applied applied conflict.version conflict.version", "a2 null 3"},
			"BBAA": {"applied applied conflict.version conflict.version", "b1 b2 3"},
			"ABAB": {"applied conflict.version applied conflict.version", "a2 null 3"},
		},
		show: []string{"title", "notes", "version"},
	},
	{
		name:  "version, merged",
		keys:  "conflict: {strategy: version, column: version, on_conflict: merge, merge: {tags: set_union, notes: if_unchanged}}",
		start: entry{"tags": `["x"]`, "notes": "n"},
		a:     []turn{{entry{"tags": `["x","a"]`}, version(1)}, {entry{"notes": "na"}, seen(1, entry{"notes": "n"})}},
		b:     []turn{{entry{"tags": `["x","b"]`}, version(1)}, {entry{"notes": "nb"}, seen(1, entry{"notes": "n"})}},
		orders: map[string]upshot{
			"AABB": {"applied applied applied conflict.version", `["x","a","b"] na 4`},
			"BBAA": {"applied applied applied conflict.version", `["x","b","a"] nb 4`},
			"ABAB": {"applied applied applied conflict.version", `["x","a","b"] na 4`},
		},
		show: []string{"tags", "notes", "version"},
	},
	{
		name: "timestamp", keys: "conflict: {strategy: timestamp, column: edited_at}",
		start: entry{"title": "zero"},
		a:     []turn{{entry{"title": "a1"}, synced}, {entry{"title": "a2"}, synced}},
		b:     []turn{{entry{"title": "b1"}, synced}, {entry{"notes": "b2"}, synced}},
		orders: map[string]upshot{
			"AABB": {"applied applied conflict.version conflict.version", "a2 null"},
			"BBAA": {"applied applied conflict.version conflict.version", "b1 b2"},
			"ABAB": {"applied conflict.version applied conflict.version", "a2 null"},
		},
		show: []string{"title", "notes"},
	},
	{
		name: "last write wins", keys: "conflict: {strategy: lww, column: edited_at, tie: server}",
		start: entry{"title": "zero", "edited_at": "2026-03-01T11:00:00Z"},
		a:     []turn{{entry{"title": "a1"}, minute(1)}, {entry{"notes": "a2"}, minute(4)}},
		b:     []turn{{entry{"title": "b1"}, minute(2)}, {entry{"title": "b2"}, minute(3)}},
		orders: map[string]upshot{
			"AABB": {"applied applied noop noop", "a1 a2"},
			"BBAA": {"applied applied noop applied", "b2 a2"},
			"ABAB": {"applied applied applied noop", "b1 a2"},
		},
		show: []string{"title", "notes"},
	},
	{
		name: "last write wins, same time", keys: "conflict: {strategy: lww, column: edited_at, tie: server}",
		start: entry{"title": "zero", "edited_at": "2026-03-01T11:00:00Z"},
		a:     []turn{{entry{"title": "a1"}, minute(1)}, {entry{"title": "a2"}, minute(1)}},
		b:     []turn{{entry{"title": "b1"}, minute(1)}},
		orders: map[string]upshot{
			"AAB": {"applied applied noop", "a2"},
			"BAA": {"applied noop noop", "b1"},
			"ABA": {"applied noop applied", "a2"},
		},
		show: []string{"title"},
	},
	{
		name: "last write wins by column", keys: "conflict: {strategy: field_lww, clocks: clocks, tie: client_id}",
		start: entry{"title": "zero"}, begun: minute(0),
		a: []turn{{entry{"title": "a1"}, minute(1)}, {entry{"notes": "a2"}, minute(4)}},
		b: []turn{{entry{"title": "b1"}, minute(2)}, {entry{"title": "b2", "notes": "b2"}, minute(3)}},
		orders: map[string]upshot{
			"AABB": {"applied applied applied applied", "b2 a2"},
			"BBAA": {"applied applied noop applied", "b2 a2"},
			"ABAB": {"applied applied applied applied", "b2 a2"},
		},
		show: []string{"title", "notes"},
	},
	{
		name: "last write wins by column, beside them", keys: `conflict: {strategy: field_lww, stamp_column: "{field}_at"}`,
		start: entry{"title": "zero", "title_at": "2026-03-01 11:00:00"},
		a:     []turn{{entry{"title": "a1"}, minute(1)}, {entry{"notes": "a2"}, minute(4)}},
		b:     []turn{{entry{"title": "b1", "title_at": "2026-03-01T11:02:00.000Z"}, nil}, {entry{"title": "b2", "notes": "b2"}, minute(3)}},
		orders: map[string]upshot{
			"AABB": {"applied applied applied applied", "b2 a2"},
			"BBAA": {"applied applied noop applied", "b2 a2"},
			"ABAB": {"applied applied applied applied", "b2 a2"},
		},
		show: []string{"title", "notes"},
	},
	{
		name: "counter", keys: "counters: {qty: {from: previous, min: 0, code: stock.insufficient}}",
		start: entry{"qty": 10},
		a:     []turn{{entry{"qty": 7}, previous("qty", 10)}, {entry{"qty": 5}, previous("qty", 7)}},
		b:     []turn{{entry{"qty": 6}, previous("qty", 10)}, {entry{"qty": 0}, previous("qty", 6)}},
		orders: map[string]upshot{
			"AABB": {"applied applied applied stock.insufficient", "1"},
			"BBAA": {"applied applied stock.insufficient stock.insufficient", "0"},
			"ABAB": {"applied applied applied stock.insufficient", "1"},
		},
		show: []string{"qty"},
	},
	{
		name: "counter with a version", keys: "counters: {qty: {from: delta}}\n    conflict: {strategy: version, column: version, on_conflict: server_wins}",
		start: entry{"qty": 10, "title": "zero"},
		a:     []turn{{entry{"qty": -3, "title": "a1"}, version(1)}, {entry{"qty": 1}, version(1)}},
		b:     []turn{{entry{"qty": -2, "title": "b1"}, version(1)}, {entry{"qty": 4}, nil}},
		orders: map[string]upshot{
			"AABB": {"applied applied applied applied", "10 a1 5"},
			"BBAA": {"applied applied applied applied", "10 b1 5"},
			"ABAB": {"applied applied applied applied", "10 a1 5"},
		},
		show: []string{"qty", "title", "version"},
	},
	{
		name: "states", keys: "states: {column: state, initial: [open], transitions: [{from: [open], to: [done, dropped]}, {from: [done], to: [paid]}]}",
		start: entry{"state": "open"},
		a:     []turn{{entry{"state": "done"}, nil}, {entry{"state": "paid"}, nil}},
		b:     []turn{{entry{"state": "dropped"}, nil}},
		orders: map[string]upshot{
			"AAB": {"applied applied state.transition", "paid"},
			"BAA": {"applied state.transition state.transition", "dropped"},
			"ABA": {"applied state.transition applied", "paid"},
		},
		show: []string{"state"},
	},
}

// policy is that of a play.
func (p *play) policy() string {
	return `policy: 1
claims: {sub: {path: sub, type: text, required: true}}
tables:
  gadgets:
    default: {owner: claims.sub}
    rules: [{name: own, ops: [create, update, delete], row: row.owner == claims.sub, columns: [title, notes, tags, qty, state]}]
    ` + p.keys + "\n"
}

// ways to send what two devices have done. None makes a difference.
var ways = []struct {
	name string
	// again says that each operation is sent twice, late that all are sent once more at the end, and size how many of
	// these to a transaction.
	again, late bool
	size        int
}{
	{"once", false, false, 1},
	{"each again", true, false, 1},
	{"all again", false, true, 1},
	{"all again in one transaction", false, true, 9},
	{"each again, and all in pairs", true, true, 2},
}

// TestTwoDevices plays what two devices did offline, in several orders, with replays and regrouped.
func TestTwoDevices(t *testing.T) {
	eachGadgets(t, func(t *testing.T, s *stage) {
		for i := range plays {
			p := &plays[i]
			s.use(p.policy())
			for order, want := range p.orders {
				for w, way := range ways {
					t.Run(strings.Join([]string{p.name, order, way.name}, "/"), func(t *testing.T) {
						s.clockwork(noon)
						id := fmt.Sprintf("g%d%s%d", i, order, w)
						got := upshot{strings.Join(p.perform(s, id, order, w), " "), s.gadget(id, p.show...)}
						if got != want {
							t.Errorf("got  %s: %s\nwant %s: %s", got.ops, got.row, want.ops, want.row)
						}
					})
				}
			}
		}
	})
}

// perform plays one order in one way, and tells what became of each operation when it came first.
func (p *play) perform(s *stage, id, order string, w int) []string {
	way := ways[w]
	third := device{id: id + "-0"}
	third.edit("PUT", id, p.start, p.begun)
	if got := third.send(s, 0, 1, 1); got[0] != "applied" {
		s.t.Fatalf("the row could not be made: %s", got)
	}
	devices := map[rune]*device{'A': {id: id + "-A"}, 'B': {id: id + "-B"}}
	for who, turns := range map[rune][]turn{'A': p.a, 'B': p.b} {
		for _, t := range turns {
			devices[who].edit("PATCH", id, t.data, t.more)
		}
	}
	sent := map[rune]int{}
	var out []string
	for _, who := range order {
		n := sent[who]
		out = append(out, devices[who].send(s, n, n+1, 1)...)
		if sent[who]++; way.again {
			if again := devices[who].send(s, n, n+1, 1); again[0] != out[len(out)-1] {
				s.t.Errorf("sent again, operation %d of %c is %s", n, who, again)
			}
		}
	}
	if way.late {
		for _, who := range []rune{'B', 'A'} {
			devices[who].send(s, 0, len(devices[who].ops), way.size)
		}
	}
	return out
}

// TestAllInOneUpload sends what a device did in one upload, in transactions of several sizes.
func TestAllInOneUpload(t *testing.T) {
	eachGadgets(t, func(t *testing.T, s *stage) {
		s.use(plays[0].policy())
		for size := 1; size <= 4; size++ {
			id := fmt.Sprint("u", size)
			d := device{id: id}
			d.edit("PUT", id, entry{"title": "zero"})
			for i := range 3 { // none of them knows a version
				d.edit("PATCH", id, entry{"title": fmt.Sprint(i)}, previous("version", nil))
			}
			want := slices.Repeat([]string{"applied"}, 4)
			for range 2 {
				if diff := cmp.Diff(want, d.send(s, 0, 4, size)); diff != "" {
					t.Error(diff)
				}
				if got := s.gadget(id, "title", "version"); got != "2 4" {
					t.Errorf("%d to a transaction: %s", size, got)
				}
			}
		}
	})
}
