package writegate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// upload is one call of Apply, or of Retry.
type upload struct {
	p        *Pipeline
	caller   Caller
	judge    Judge
	revision string
	now      time.Time
	batch    Batch
	client   string
	stop     bool
	works    []work
	res      *Result
	// closing ends the dead letter that is retried, nil where none is.
	closing *Closing
	// refusedRows are those whose creation was refused, in what is committed.
	refusedRows map[sentRow]*cause
}

// work is what takes effect as one: a client transaction, or one operation of it where the policy has them stand apart.
type work struct {
	id    int64 // the device's number for the transaction
	tx    int   // the place of the transaction in the upload
	first int   // the place of the first operation in the transaction
	last  bool  // nothing of the transaction comes after it
	db    *database
	ops   []opWork
	bytes int64
	wait  *Error // why the policy has it sent again later, nil when it has not
}

// opWork is one operation on its way.
type opWork struct {
	op         *Op
	fp         Fingerprint
	identified bool
	name       string
	admitted   *Admitted
	refusal    *Error
}

func (w *opWork) identity() opIdentity { return opIdentity{w.op.OpID, w.fp} }

// placeInTx is where an operation of the work stands in its transaction, given its place in the work; both may be -1.
func (w *work) placeInTx(place int) int {
	if place < 0 {
		return -1
	}
	return w.first + place
}

// prepare does all that needs no database: fingerprints, names and values.
func (u *upload) prepare(txs []Transaction) {
	u.res.Transactions = make([]TxResult, len(txs))
	for i := range txs {
		tx := &txs[i]
		u.res.Transactions[i] = TxResult{Status: NotAttempted, Failed: -1, Ops: make([]OpResult, len(tx.Ops))}
		for j := range tx.Ops {
			u.res.Transactions[i].Ops[j].Status = NotAttempted
		}
		if !u.batch.Apart || len(tx.Ops) == 0 {
			u.works = append(u.works, u.work(tx, i, 0, len(tx.Ops)))
			continue
		}
		for j := range tx.Ops {
			u.works = append(u.works, u.work(tx, i, j, j+1))
		}
	}
}

// work prepares the operations first..end-1 of the i-th transaction.
func (u *upload) work(tx *Transaction, i, first, end int) work {
	ops := tx.Ops[first:end]
	out := work{id: tx.ID, tx: i, first: first, last: end == len(tx.Ops), db: u.p.home(ops), ops: make([]opWork, len(ops))}
	for j := range ops {
		op, w := &ops[j], &out.ops[j]
		w.op, w.fp = op, op.Fingerprint()
		w.identified = u.client != "" && op.OpID > 0 && !out.db.ledgerless
		if !w.identified {
			u.res.Identified = false
			u.res.Unidentified++
		}
		w.name = u.name(w)
		switch w.refusal = op.Fault; {
		case w.refusal != nil:
		case u.batch.Most > 0 && len(tx.Ops) > u.batch.Most:
			w.refusal = tooMany(u.batch.Most)
		default:
			w.admitted, w.refusal = u.judge.Admit(op)
		}
		switch {
		case w.refusal != nil && w.refusal.Class == Retry:
			out.wait = w.refusal
		case w.refusal != nil, w.admitted == nil:
		case u.p.route(op.Table) != out.db:
			w.refusal = spans(&ops[0], op)
		case w.admitted.Once && !w.identified:
			w.refusal = onlyOnce(op)
		default:
			w.admitted.Name = w.name
		}
		out.bytes += sizeOf(op)
	}
	return out
}

// name is what [Admitted.Name] promises. What was refused may be decided again for another user.
func (u *upload) name(w *opWork) string {
	var name [16]byte
	if w.identified {
		text := fmt.Appendf(nil, "%d:%s%d:%s%d/%x", len(u.client), u.client, len(u.caller.Subject), u.caller.Subject, w.op.OpID, w.fp)
		sum := sha256.Sum256(text)
		copy(name[:], sum[:])
	} else {
		_, _ = rand.Read(name[:]) // never fails
	}
	return hex.EncodeToString(name[:])
}

// tooMany refuses a transaction that is larger than the policy has it.
func tooMany(most int) *Error {
	return Refuse(InvalidData, "upload.too_large", fmt.Sprintf("The transaction has more than %d operations.", most))
}

// onlyOnce refuses what may have been applied before, without anybody being able to tell.
func onlyOnce(op *Op) *Error {
	e := Refuse(InvalidData, "identity.missing", fmt.Sprintf("A write to the table %q needs the id of the device and the number of the operation: "+
		"without them it could take effect twice.", op.Table))
	e.Table = op.Table
	return e
}

func sizeOf(op *Op) int64 {
	n := len(op.Table) + len(op.ID) + len(op.Metadata)
	for _, row := range []Row{op.Data, op.Previous} {
		for name, v := range row {
			n += len(name) + 8
			switch v := v.(type) {
			case string:
				n += len(v)
			case JSON:
				n += len(v)
			}
		}
	}
	return int64(n)
}

// run applies chunk after chunk until the upload is settled, stopped or held.
func (u *upload) run(ctx context.Context) {
	for at, goOn := 0, true; goOn && at < len(u.works); {
		if wait := u.works[at].wait; wait != nil {
			u.hold(at, wait, -1)
			return
		}
		at, goOn = u.apply(ctx, at, u.chunkEnd(at))
	}
}

// chunkEnd returns the end of the chunk that begins with a work. It keeps to one database, ends before what has to wait, and tears a client transaction
// apart only where that may be and the transaction is too large.
func (u *upload) chunkEnd(at int) int {
	ops, bytes, limit := 0, int64(0), u.works[at].db.limit.ops()
	whole := at // the end of the last client transaction that is in
	for end := at; end < len(u.works); end++ {
		w := &u.works[end]
		ops += len(w.ops)
		bytes += w.bytes
		switch {
		case end == at:
		case w.db != u.works[at].db, w.wait != nil:
			return end
		case ops > limit || bytes > u.p.opt.ChunkBytes:
			if whole > at {
				return whole
			}
			return end
		}
		if w.last {
			whole = end + 1
		}
	}
	return len(u.works)
}

// report puts what became of a work into the result.
func (u *upload) report(w *work, r TxResult) {
	tx := &u.res.Transactions[w.tx]
	if !u.batch.Apart {
		*tx = r
		return
	}
	if copy(tx.Ops[w.first:], r.Ops); r.Err != nil {
		tx.Ops[w.first].Err = r.Err
	}
	switch {
	case tx.Status == Rejected:
	case r.Status == Rejected:
		tx.Status, tx.Err, tx.Failed = Rejected, r.Err, w.first
	default:
		tx.Status = Applied
	}
}

// hold marks the transaction of a work as held, for the given reason, and leaves those behind it unattempted. Failed is the
// place of the operation in the transaction that is held on the device, -1 when it is not for the sake of one.
func (u *upload) hold(at int, err *Error, failed int) {
	u.res.Err = err
	if at >= len(u.works) {
		return
	}
	tx := &u.res.Transactions[u.works[at].tx]
	tx.Status, tx.Err, tx.Failed = Held, err, failed
	for i := range tx.Ops {
		tx.Ops[i] = OpResult{Status: Held}
	}
	if u.closing != nil { // whoever retries it is told, and nobody waits
		return
	}
	log := u.p.opt.Log.Warn
	if err.Class == Operator {
		log = u.p.opt.Log.Error
	}
	log("upload held back", "class", err.Class, "code", err.Code, "table", err.Table, "client", u.client, "subject", u.caller.Subject, "error", err.Cause)
}
