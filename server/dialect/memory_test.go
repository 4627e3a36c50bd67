package dialect

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestEqualFaultsAreShared shows that a fault which repeats takes its room once.
func TestEqualFaultsAreShared(t *testing.T) {
	ops := decode(t, "POST", `{"batch":[{"id":"1"},{"id":"2"},{"id":"3","table":"t"}]}`).Upload.Transactions[0].Ops
	if ops[0].Fault == nil || ops[0].Fault != ops[1].Fault {
		t.Errorf("equal faults: %p and %p", ops[0].Fault, ops[1].Fault)
	}
	if ops[2].Fault == ops[0].Fault || ops[2].Fault.Table != "t" {
		t.Errorf("the fault of another table: %+v", ops[2].Fault)
	}
}

// BenchmarkLive shows what small operations become: for each element of a body its length, what is live
// after it was decoded, and what was allocated in all.
func BenchmarkLive(b *testing.B) {
	for _, tt := range []struct{ name, list, element string }{
		{"smallest", `{"batch":[%s]}`, `{"op":"PUT","type":"t","id":"1"}`},
		{"delete", `{"batch":[%s]}`, `{"op":"DELETE","type":"todos","id":"b284ef25-345a-42a0-893f-acfb8691626a","op_id":1}`},
		{"column", `{"batch":[%s]}`, `{"op":"PUT","type":"t","id":"1","data":{"a":1}}`},
		{"transactions", `{"transactions":[%s]}`, `{"crud":[{"op":"PUT","type":"t","id":"1"}]}`},
		{"faulty", `{"batch":[%s]}`, `{"id":"1"}`},
		{"faulty column", `{"batch":[%s]}`, `{"id":"1","op":"PUT","table":"t","data":{"a":1,"a":1}}`},
	} {
		b.Run(strings.ReplaceAll(tt.name, " ", "_"), func(b *testing.B) {
			const n = 100_000
			body := fmt.Appendf(nil, tt.list, strings.Repeat(tt.element+",", n-1)+tt.element)
			var before, after runtime.MemStats
			var live, all, rounds uint64
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				req, err := Decode("POST", "", body, Limits{})
				if err != nil {
					b.Fatal(err)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				live += after.HeapAlloc - before.HeapAlloc
				all += after.TotalAlloc - before.TotalAlloc
				rounds++
				runtime.KeepAlive(req)
			}
			b.ReportMetric(float64(live/rounds)/n, "live-B/element")
			b.ReportMetric(float64(all/rounds)/n, "alloc-B/element")
			b.ReportMetric(float64(len(body))/n, "body-B/element")
		})
	}
}
