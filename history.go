package writegate

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Entry is what the ledger knows of one operation of a device.
type Entry struct {
	OpID        int64
	Fingerprint Fingerprint
	// Subject is who sent it.
	Subject string
	Status  Status
	At      time.Time
	// Refusal is the text of a refusal, nil where the operation carries none.
	Refusal *Refusal
}

// Entries are the operations of the history, in the order of their ids, and of one id in the order of time. One that was
// refused and applied later has an entry for each.
func (h *History) Entries() ([]Entry, error) {
	type named struct {
		opIdentity
		subject string
	}
	texts := make(map[named]*Refusal, len(h.Refusals))
	for i := range h.Refusals {
		r := &h.Refusals[i]
		texts[named{opIdentity{r.OpID, r.Fingerprint}, r.Subject}] = r
	}
	var all []Entry
	for i := range h.Runs {
		run := &h.Runs[i]
		ops, err := unpackRun(run.Ops)
		if err != nil {
			return nil, fmt.Errorf("client %q, operations %d to %d: %w", run.ClientID, run.FirstOp, run.LastOp, err)
		}
		for _, op := range ops {
			e := Entry{OpID: op.id, Fingerprint: op.fp, Subject: run.Subject, Status: op.status, At: run.SettledAt}
			if op.status == Rejected || op.status == Aborted {
				e.Refusal = texts[named{op.opIdentity, run.Subject}]
			}
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.OpID, b.OpID), a.At.Compare(b.At)) })
	return all, nil
}
