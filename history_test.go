package writegate

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEntries(t *testing.T) {
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	run := func(at time.Time, subject string, ops ...runOp) Run {
		return Run{ClientID: "d1", Subject: subject, FirstOp: ops[0].id, LastOp: ops[len(ops)-1].id, SettledAt: at, Ops: packRun(ops)}
	}
	op := func(id int64, fp byte, s Status) runOp {
		return runOp{opIdentity{id, Fingerprint{fp}}, s}
	}
	refusal := Refusal{ClientID: "d1", Subject: "u1", OpID: 2, Fingerprint: Fingerprint{2}, Code: Unauthorized}
	h := History{
		Known: true,
		Runs: []Run{
			run(day.Add(time.Hour), "u1", op(2, 2, Applied)),
			run(day, "u1", op(1, 1, Applied), op(2, 2, Rejected), op(3, 3, Aborted)),
			run(day.Add(2*time.Hour), "u2", op(2, 2, Rejected), op(3, 9, Noop)),
		},
		Refusals: []Refusal{refusal},
	}
	got, err := h.Entries()
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{1, Fingerprint{1}, "u1", Applied, day, nil},
		{2, Fingerprint{2}, "u1", Rejected, day, &refusal},
		{2, Fingerprint{2}, "u1", Applied, day.Add(time.Hour), nil},
		{2, Fingerprint{2}, "u2", Rejected, day.Add(2 * time.Hour), nil},
		{3, Fingerprint{3}, "u1", Aborted, day, nil},
		{3, Fingerprint{9}, "u2", Noop, day.Add(2 * time.Hour), nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	h.Runs[0].Ops = []byte{1}
	if _, err := h.Entries(); err == nil {
		t.Error("a run that can't be read was read")
	}
}
