package writegate

// Status is what became of a transaction or an operation.
type Status string

const (
	// Applied took effect, now or in an earlier try.
	Applied Status = "applied"
	// Noop needed no effect: the row was gone, or had the values already.
	Noop Status = "noop"
	// Rejected was refused and is settled, and kept unless the policy says otherwise.
	Rejected Status = "rejected"
	// Aborted was not refused itself; another operation of its transaction was. Settled with it, and kept if that is.
	Aborted Status = "aborted"
	// Held could not be decided now and is worth sending again.
	Held Status = "held"
	// NotAttempted comes after a transaction that stopped the upload.
	NotAttempted Status = "not_attempted"
)

// Settled reports whether a device may forget what has this status.
func (s Status) Settled() bool {
	return s == Applied || s == Noop || s == Rejected || s == Aborted
}

// done reports whether there is nothing left to do.
func (s Status) done() bool { return s == Applied || s == Noop }

// Result answers an upload.
type Result struct {
	// Transactions has one entry for each transaction of the upload, in its order.
	Transactions []TxResult
	// Identified says that every operation had an identity, so that sending the upload again is exact.
	Identified bool
	// Revision is the policy's.
	Revision string
	// Err says why transactions are Held; nil when none is.
	Err *Error
	// Replayed counts operations that the ledger answered; Reused counts operations that came under ids
	// which the ledger knows with another content; Unidentified counts those without an identity.
	Replayed, Reused, Unidentified int
	// Chunks and Reruns count database transactions; Slow counts chunks that were taken apart to find a guilty operation.
	Chunks, Reruns, Slow int
}

// TxResult is what became of one transaction.
type TxResult struct {
	// Status is Applied when the transaction is settled and nothing of it refused.
	Status Status
	Ops    []OpResult
	// Failed is the index of the refused operation, -1 when no single one is to blame or none was refused. Of several,
	// where operations stand apart, it is the first.
	Failed int
	// Err says why it was refused or held. An error of class Refused holds it on the device, which is to be told so: it
	// was not settled, and sending it again helps only when somebody has mended the cause.
	Err *Error
}

// OpResult is what became of one operation.
type OpResult struct {
	Status Status
	// Replayed says that the ledger answered.
	Replayed bool
	// Err says why the operation was refused, where operations stand apart.
	Err *Error
}
