package writegate

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// opIdentity names one operation of one device for ever.
type opIdentity struct {
	id int64
	fp Fingerprint
}

// settledOp is what the ledger knows of one operation.
type settledOp struct {
	status  Status
	subject string
	refusal *Refusal
}

// The packed form of Run.Ops: for each operation the difference of its id to the one before as a signed
// varint, the fingerprint, and one byte of outcome.
var outcomes = [...]Status{Applied, Noop, Rejected, Aborted}

func outcomeByte(s Status) byte {
	for i, known := range outcomes {
		if s == known {
			return byte(i)
		}
	}
	panic("writegate: status is not settled: " + string(s))
}

type runOp struct {
	opIdentity
	status Status
}

func packRun(ops []runOp) []byte {
	buf := make([]byte, 0, len(ops)*(len(Fingerprint{})+3))
	var last int64
	for _, op := range ops {
		buf = binary.AppendVarint(buf, op.id-last)
		buf = append(buf, op.fp[:]...)
		buf = append(buf, outcomeByte(op.status))
		last = op.id
	}
	return buf
}

var errRun = errors.New("ledger row can't be read")

func unpackRun(buf []byte) ([]runOp, error) {
	var ops []runOp
	var last int64
	for len(buf) > 0 {
		delta, n := binary.Varint(buf)
		if n <= 0 || len(buf) < n+len(Fingerprint{})+1 {
			return nil, errRun
		}
		op := runOp{opIdentity: opIdentity{id: last + delta}}
		copy(op.fp[:], buf[n:])
		outcome := int(buf[n+len(op.fp)])
		if outcome >= len(outcomes) {
			return nil, errRun
		}
		op.status = outcomes[outcome]
		ops = append(ops, op)
		last = op.id
		buf = buf[n+len(op.fp)+1:]
	}
	return ops, nil
}

// settledBefore is what a [Claimed] says, by operation.
type settledBefore struct {
	ops map[opIdentity][]settledOp
	ids map[int64]bool
}

// readLedger keeps what concerns the wanted operation ids.
func readLedger(c Claimed, wanted map[int64]bool) (*settledBefore, error) {
	s := &settledBefore{ops: map[opIdentity][]settledOp{}, ids: map[int64]bool{}}
	type refusalKey struct {
		opIdentity
		subject string
	}
	texts := make(map[refusalKey]*Refusal, len(c.Refusals))
	for i := range c.Refusals {
		r := &c.Refusals[i]
		texts[refusalKey{opIdentity{r.OpID, r.Fingerprint}, r.Subject}] = r
	}
	for i := range c.Runs {
		run := &c.Runs[i]
		ops, err := unpackRun(run.Ops)
		if err != nil {
			return nil, fmt.Errorf("client %q, operations %d to %d: %w", run.ClientID, run.FirstOp, run.LastOp, err)
		}
		for _, op := range ops {
			if !wanted[op.id] {
				continue
			}
			s.ids[op.id] = true
			s.ops[op.opIdentity] = append(s.ops[op.opIdentity], settledOp{
				status:  op.status,
				subject: run.Subject,
				refusal: texts[refusalKey{op.opIdentity, run.Subject}],
			})
		}
	}
	return s, nil
}

// find returns what became of an operation in the eyes of a subject. What was applied is applied whoever
// asks. Everything else depends on what the subject may see and do, and so is known only for that subject. One that was
// refused first and needed nothing when it was retried is known as the latter.
func (s *settledBefore) find(op opIdentity, subject string) (settledOp, bool) {
	var found settledOp
	ok := false
	for _, settled := range s.ops[op] {
		if settled.status == Applied {
			return settled, true
		}
		if settled.subject == subject && (!ok || settled.status.done()) {
			found, ok = settled, true
		}
	}
	return found, ok
}

// reused reports whether the ids of an operation are known with another content only.
func (s *settledBefore) reused(op opIdentity) bool { return s.ids[op.id] && len(s.ops[op]) == 0 }

func (r *Refusal) asError() *Error {
	return &Error{Class: Refused, Code: r.Code, Reason: r.Reason, Message: r.Message, Table: r.Table, Column: r.Column}
}
