package policy

import (
	"testing"

	"writegate"
)

// BenchmarkDecide takes operations of the todo example through both stages.
func BenchmarkDecide(b *testing.B) {
	bundle := todo(b)
	for _, c := range []struct {
		name   string
		op     writegate.Op
		stored row
	}{
		{"put", put("todos", "t1", row{"list_id": "l1", "description": "milk", "created_by": "alice", "completed": "0"}), nil},
		{"patch", patch("todos", "t1", row{"description": "oat milk"}), item("alice")},
		{"delete", del("todos", "t1"), item("alice")},
		{"refused", put("todos", "t1", row{"description": "mine"}), item("bob")},
	} {
		b.Run(c.name, func(b *testing.B) {
			j := judgeFor(b, bundle, "alice", nil)
			b.ReportAllocs()
			for b.Loop() {
				a, refusal := j.Admit(&c.op)
				if refusal != nil {
					b.Fatal(refusal)
				}
				j.Decide(a, c.stored, nil)
			}
		})
	}
}

// BenchmarkJudge binds the policy to a caller, once an upload.
func BenchmarkJudge(b *testing.B) {
	bundle := todo(b)
	b.ReportAllocs()
	for b.Loop() {
		judgeFor(b, bundle, "alice", nil)
	}
}
