package breaker

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// quiet is a device that was told what it did, and the tables after that, all as it should be.
func quiet() (*world, *device, map[string][]record) {
	w := newWorld(1)
	d := &device{id: "device-0", tenant: w.tenants[0], done: []*transaction{
		{id: 1, ops: []operation{
			{1, put, registers, "device-0-1", map[string]any{"owner": w.tenants[0], "value": "a"}},
			{2, patch, registers, "device-0-1", map[string]any{"value": "b"}},
			{3, patch, registers, rowOf(victim, 0), map[string]any{"value": "stolen"}},
		}},
		{id: 2, ops: []operation{
			{4, patch, accounts, rowOf(w.tenants[0], 0), map[string]any{"balance": -5}},
			{5, patch, accounts, rowOf(w.tenants[0], 1), map[string]any{"balance": 5}},
		}},
		{id: 3, refused: true, poison: "taken badge", ops: []operation{{6, put, badges, "x", map[string]any{"badge": taken}}}},
		{id: 4, ops: []operation{{7, patch, lists, rowOf(w.tenants[0], 0), map[string]any{"value": "c"}}}},
		{id: 5, ops: []operation{{8, patch, lists, rowOf(w.tenants[0], 0), map[string]any{"value": "d"}}}},
	}}
	found := map[string][]record{
		effects: {{"id": "device-0-1", "kind": "insert", "value": "a"}, {"id": "device-0-1", "kind": "update", "value": "b"}},
		changes: {
			{"row_id": rowOf(w.tenants[0], 0), "old_value": start, "new_value": "c"},
			{"row_id": rowOf(w.tenants[0], 0), "old_value": "c", "new_value": "d"},
		},
		"writegate_ledger":       {{"client_id": d.id, "ops": packed(0, 1, 2, 3, 4, 5)}, {"client_id": d.id, "ops": packed(2, 6)}, {"client_id": d.id, "ops": packed(0, 7, 8)}},
		"writegate_refusals":     {{"client_id": d.id, "tx_id": "3"}},
		"writegate_dead_letters": {{"client_id": d.id, "tx_id": "3"}},
	}
	for table, rows := range w.rows {
		for _, row := range rows {
			found[table] = append(found[table], maps.Clone(row))
		}
	}
	found[registers] = append(found[registers], record{"id": "device-0-1", "owner": d.tenant, "value": "b"})
	set(found[accounts], rowOf(d.tenant, 0), "balance", "995")
	set(found[accounts], rowOf(d.tenant, 1), "balance", "1005")
	set(found[lists], rowOf(d.tenant, 0), "value", "d")
	return w, d, found
}

// packed is a row of the ledger for operations with one outcome, each with a fingerprint of its own.
func packed(outcome byte, ids ...int64) string {
	var b []byte
	last := int64(0)
	for _, id := range ids {
		b = append(b, byte((id-last)<<1))
		b = append(b, fmt.Sprintf("%016d", id)...)
		b = append(b, outcome)
		last = id
	}
	return string(b)
}

func set(rows []record, id, column, value string) {
	for _, row := range rows {
		if row["id"] == id {
			row[column] = value
		}
	}
}

// TestCheck finds nothing where all is well, and each of the things that may be wrong.
func TestCheck(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(d *device, found map[string][]record)
		want  string
	}{
		{"all is well", func(*device, map[string][]record) {}, ""},
		{"a write is lost", func(_ *device, f map[string][]record) { set(f[registers], "device-0-1", "value", "a") }, `value is "a", want "b"`},
		{"a row is lost", func(_ *device, f map[string][]record) { f[registers] = f[registers][:1] }, "device-0-1 is missing"},
		{"a row of nobody", func(_ *device, f map[string][]record) {
			f[badges] = append(f[badges], record{"id": "x", "owner": "tenant-0", "badge": "other"})
		}, "should not be there"},
		{"a foreign row is changed", func(_ *device, f map[string][]record) { set(f[registers], rowOf(victim, 0), "value", "stolen") }, "victim-0: value"},
		{"half a transfer", func(_ *device, f map[string][]record) { set(f[accounts], "tenant-0-1", "balance", "1000") }, "sum up to 3995"},
		{"a transfer twice", func(_ *device, f map[string][]record) {
			set(f[accounts], "tenant-0-0", "balance", "990")
			set(f[accounts], "tenant-0-1", "balance", "1010")
		}, `balance is "990", want "995"`},
		{"an effect twice", func(_ *device, f map[string][]record) { f[effects] = append(f[effects], f[effects][1]) }, "went through"},
		{"effects in another order", func(_ *device, f map[string][]record) { f[effects][0], f[effects][1] = f[effects][1], f[effects][0] }, "went through"},
		{"an effect of nobody", func(_ *device, f map[string][]record) {
			f[effects] = append(f[effects], record{"id": "y", "kind": "insert", "value": "z"})
		}, "nobody did that"},
		{"a lost update", func(_ *device, f map[string][]record) { f[changes][1]["old_value"] = start }, "both"},
		{"a list in another order", func(_ *device, f map[string][]record) {
			f[changes] = []record{{"row_id": "tenant-0-0", "old_value": start, "new_value": "d"}, {"row_id": "tenant-0-0", "old_value": "d", "new_value": "c"}}
			set(f[lists], "tenant-0-0", "value", "c")
		}, "d came before c"},
		{"a change is missing", func(_ *device, f map[string][]record) {
			f[changes] = f[changes][:1]
			set(f[lists], "tenant-0-0", "value", "c")
		}, "d was acknowledged, and is not among its changes"},
		{"an operation is not in the ledger", func(_ *device, f map[string][]record) { f["writegate_ledger"] = f["writegate_ledger"][:2] }, "operation 7 was acknowledged"},
		{"an operation is twice in the ledger", func(_ *device, f map[string][]record) {
			f["writegate_ledger"] = append(f["writegate_ledger"], f["writegate_ledger"][2])
		}, "operation 7 is there twice"},
		{"another outcome in the ledger", func(_ *device, f map[string][]record) { f["writegate_ledger"][1]["ops"] = packed(0, 6) }, "operation 6 was acknowledged (refused: true)"},
		{"two dead letters", func(_ *device, f map[string][]record) {
			f["writegate_dead_letters"] = append(f["writegate_dead_letters"], f["writegate_dead_letters"][0])
		}, "there 2 times"},
		{"no dead letter", func(_ *device, f map[string][]record) { f["writegate_dead_letters"] = nil }, "there 0 times"},
		{"a refusal of nobody", func(_ *device, f map[string][]record) { f["writegate_refusals"][0]["tx_id"] = "1" }, "transaction 1 is there, and was not refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, d, found := quiet()
			tt.spoil(d, found)
			v := &violations{}
			hold(w, []*device{d}, found, v)
			switch told := strings.Join(v.all, "\n"); {
			case tt.want == "" && v.n > 0:
				t.Errorf("%d violations:\n%s", v.n, told)
			case !strings.Contains(told, tt.want):
				t.Errorf("told:\n%s\nwant something about %s", told, tt.want)
			}
		})
	}
}

// TestRead reads what the two dialects answer.
func TestRead(t *testing.T) {
	txs := []*transaction{{id: 1, ops: make([]operation, 2)}, {id: 2, ops: make([]operation, 1)}}
	tests := []struct {
		name, text string
		vendor     bool
		want       string
	}{
		{"applied and refused", `{"results":[{"status":"applied"},{"status":"noop"},{"status":"rejected","code":"X"}]}`, false, "[{false } {true X}]"},
		{"torn", `{"results":[{"status":"applied"},{"status":"aborted"},{"status":"applied"}]}`, false, "transaction 1 is torn"},
		{"short", `{"results":[{"status":"applied"}]}`, false, "too few results"},
		{"long", `{"results":[{"status":"applied"},{"status":"applied"},{"status":"applied"},{"status":"applied"}]}`, false, "1 results too many"},
		{"unknown", `{"results":[{"status":"applied"},{"status":"done"},{"status":"applied"}]}`, false, `status "done"`},
		{"both", `{"results":[{"status":"success"},{"status":"fatal_error","failed_operation":{"error_code":"X"}}]}`, true, "[{false } {true X}]"},
		{"the first", `{"results":[{"status":"success"},{"status":"not_attempted"}]}`, true, "[{false }]"},
		{"none", `{"results":[{"status":"retryable_error"},{"status":"not_attempted"}]}`, true, "[]"},
		{"short", `{"results":[{"status":"success"}]}`, true, "1 results for 2 transactions"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &device{vendor: tt.vendor}
			settled, err := d.read([]byte(tt.text), txs)
			got := fmt.Sprint(settled)
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
