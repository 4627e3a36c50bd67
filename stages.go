package writegate

import (
	"context"
	"time"
)

// Authenticator tells who sent a request.
type Authenticator interface {
	// Authenticate checks a token and returns its caller. A token that is wrong in any way is an [*Error]
	// with code [Unauthorized]; keys that can't be had right now are one of class [Retry], never Unauthorized.
	Authenticate(ctx context.Context, token string) (*Caller, error)
}

// Policy is one revision of the rules bound to one schema. It does no I/O and never changes.
type Policy interface {
	// Revision identifies rules and schema, for logs, metrics, dead letters and answers.
	Revision() string
	// Judge binds the policy to a caller, a device and an instant for one upload. An [*Error] of class [Forbidden] says
	// that the token lacks a claim that the policy requires.
	Judge(a Asking) (Judge, error)
	// Batch says how the operations of one transaction hang together.
	Batch() Batch
}

// Asking is for whom a policy judges an upload, and when.
type Asking struct {
	Caller Caller
	// ClientID is empty when the device is not known.
	ClientID string
	Now      time.Time
	// Late says that the operations were made long ago, and refused then. Where no conflict rule compares what the device
	// says with what is stored, such an operation may change only what is still as its device saw it: else it is refused
	// as [ReasonChanged], and as [ReasonUnseen] where the device did not say what it saw.
	Late bool
}

// Reasons of refusals of operations that come late. See [Asking].
const (
	ReasonChanged = "late.changed"
	ReasonUnseen  = "late.unseen"
)

// Batch says what a refused operation means for the others of its transaction.
type Batch struct {
	// Apart settles the refused operation alone; the others of its transaction go on. Else none takes effect.
	Apart bool
	// Try judges a PATCH of a row whose creation was refused before it. Else it is refused with the creation, for it
	// was made for a row that is not there. It means nothing where none takes effect.
	Try bool
	// Most is how many operations a transaction may have, 0 for any number. One that has more is refused.
	Most int
	// MostLetters is how many open dead letters a subject may have, 0 for any number. What would make it more is held, as
	// an error of class [Operator], until somebody has closed some.
	MostLetters int
	// Held is how long an error of class [Operator] may hold a device, 0 for as long as it takes. What it holds then is
	// refused and kept as a dead letter, if it has an identity: see [Options].HeldSince.
	Held time.Duration
}

// Judge decides the operations of one upload. It is used by one goroutine.
type Judge interface {
	// Admit resolves the names of one operation and converts its values, without looking at any row. It returns nil and
	// nil for an operation that is to be ignored. An error of class [Retry] holds the transaction, and all behind it.
	Admit(op *Op) (*Admitted, *Error)
	// Foresee has the view asked for all that Decide is going to look up, as far as that can be told from the
	// stored row and from what the view answers already. It returns the row as the operation may leave it, nil when
	// there is none then. It decides nothing.
	Foresee(a *Admitted, old Row, v View) Row
	// Decide judges an admitted operation against the stored row, nil when there is none. Old has at
	// least the columns of Admitted.Needs; a column that is absent is unknown, and a decision that would
	// have to read it, or an answer that the view does not have, returns Decision.Unknown.
	Decide(a *Admitted, old Row, v View) Decision
	// Refused says what becomes of a refused operation or transaction. Blamed is the operation to blame, nil when there
	// is none, and name what [Admitted.Name] is of it, or else of the first that is refused with the others.
	Refused(why *Error, blamed *Op, name string) Consequence
	// Resolved are updates of the rows that told of a refusal, for when the operation of that name has succeeded after all.
	// Rows that aren't there any more need none.
	Resolved(name string) []Change
	// Claims are what the policy reads of the caller's token, as JSON that makes the same caller again.
	Claims() JSON
}

// Admitted is an operation whose table, key and columns are known to the policy.
type Admitted struct {
	Op    *Op
	Table *Table
	// Key is the stored value of the key column.
	Key any
	// Values are the stored values of the columns that the client may write at all; dropped ones are gone.
	Values Row
	// Needs lists the columns of the stored row that the decision reads.
	Needs []string
	// Asks says that the decision may ask the view for rows. Foresee is called when that of some operation does.
	Asks bool
	// Once says that doing it twice would do harm, as with a counter: without an identity it is refused.
	Once bool
	// Linked says that the decision asks the view for the device's [Link] to the row.
	Linked bool
	// Name is given by the pipeline, distinct for each operation of each subject, and the same for all tries of one
	// that has an identity: 32 hexadecimal digits.
	Name string
	// Changed and Made are set by the pipeline for each decision. They say that an operation before it in the same
	// transaction of the database has changed the row, or has even created it, so that nobody else can have changed it since.
	Changed, Made bool
}

// Decision is the outcome of a judgement. Exactly one of Refusal, Unknown and the rest counts, in this order.
type Decision struct {
	// Refusal says why not.
	Refusal *Error
	// Unknown says that the decision depends on a column whose value only the database knows so far.
	Unknown bool
	// Change is what has to be written, nil when nothing has.
	Change *Change
	// Notes are rows that tell of the change, or of the refusal: of a change they are inserted with it, of a refusal
	// they are inserted when it is settled.
	Notes []Change
	// Vital says that the notes have what the change leaves out. When one of them can't be written, the operation is refused.
	Vital bool
	// Link is what the device is to be remembered for at this row, nil for nothing.
	Link *Link
	// Rule names the rule that granted the change.
	Rule string
	// New is the row as it is afterwards, nil when there is none. A column that the database fills is absent.
	New Row
}

// Verb says what a change does to its row.
type Verb uint8

// The changes. An Insert expects no row of that key and an Update expects one: anything else is a race. A
// Remove is content when there is none.
const (
	Insert Verb = iota + 1
	Update
	Remove
)

// Change is one row to be written.
type Change struct {
	Verb  Verb
	Table *Table
	// Key is the stored value of the key column.
	Key any
	// Set holds the stored values of the columns to write, without the key. Empty for Remove.
	Set Row
}

// Lock says how rows are read.
type Lock uint8

// The locks. ForUpdate rows can be changed by nobody else before the transaction ends, ForShare rows can be
// read by others, Unlocked rows may change under the reader.
const (
	Unlocked Lock = iota
	ForShare
	ForUpdate
)

// Read asks for rows of one table.
type Read struct {
	Table *Table
	// Keys are distinct stored values of the key column.
	Keys []any
	// Columns are those wanted besides the key, sorted and distinct.
	Columns []string
	Lock    Lock
}

// Claim asks what is already settled of a device's operations.
type Claim struct {
	ClientID, Subject string
	// First and Last bound the operation ids asked for, both included.
	First, Last int64
	// Links asks for the device's links to these rows.
	Links []LinkKey
}

// Claimed is what the ledger has on a [Claim].
type Claimed struct {
	// Runs overlap First..Last, in no particular order.
	Runs []Run
	// Refusals have an operation id in First..Last.
	Refusals []Refusal
	// Links are those of the device to the rows asked for. Rows without one are absent.
	Links map[LinkKey]Link
}

// Run is the ledger's row for operations of one device that were settled together.
type Run struct {
	ClientID, Subject string
	FirstOp, LastOp   int64
	SettledAt         time.Time
	// Ops is packed by the pipeline: operation id, fingerprint and outcome of each.
	Ops []byte
}

// Refusal is the stored text of a refused operation, so that a replay answers the same.
type Refusal struct {
	ClientID, Subject string
	OpID              int64
	Fingerprint       Fingerprint
	TxID              int64
	// Whole says that the transaction was refused and no single operation is to blame.
	Whole         bool
	Code          Code
	Reason        string
	Message       string
	Table, Column string
	Revision      string
	At            time.Time
}

// DeadLetter is a refused transaction, kept whole.
type DeadLetter struct {
	// ID is derived from what was refused, so that sending it again does not keep it twice.
	ID                string
	ClientID, Subject string
	TxID              int64
	FirstOp, LastOp   int64
	// OpIndex is the place of the refused operation in the transaction, -1 when no single one is to blame.
	OpIndex       int
	Code          Code
	Reason        string
	Message       string
	Table, Column string
	Revision      string
	At            time.Time
	// Claims are what the policy read of the token: see [Judge.Claims]. Where the database decides by the claims, too,
	// because the applier has a method Delegates that says so, they are all that the token had.
	Claims JSON
	// Body is the transaction as JSON. A driver stores it in parts of at most [DeadLetterPart] bytes.
	Body []byte
}

// Reasons of errors that [Tx.Settle] gives for dead letters.
const (
	ReasonLettersFull  = "dead_letter.full"
	ReasonLetterClosed = "dead_letter.closed"
)

// DeadLetterPart is the greatest size in bytes of one stored part of a dead letter.
const DeadLetterPart = 1 << 20

// Settlement is what a transaction leaves behind besides the user's rows.
type Settlement struct {
	// Run is nil when nothing with identity was settled.
	Run         *Run
	Refusals    []Refusal
	DeadLetters []DeadLetter
	// MostLetters is how many open dead letters a subject may have, 0 for any number. Where DeadLetters would make it
	// more, nothing is settled: the error is of class [Operator] with [ReasonLettersFull].
	MostLetters int
	// Closed ends dead letters with what is written here. One that is not open any more is an error of class [Refused]
	// with [ReasonLetterClosed], and nothing is written.
	Closed []Closing
	// Links replace those of the device of Run.
	Links map[LinkKey]Link
}

// Applier is one database. Its methods may be called concurrently. Every error that they return has an
// [*Error] in its chain, classified by the database's native number.
type Applier interface {
	// Schema introspects the tables asked for. Faults of the configuration are returned all at once, joined.
	Schema(ctx context.Context, tables []TableRef) (Schema, error)
	// InTx runs fn in one database transaction and commits when it returns nil, else rolls back. It may run
	// fn again; the pipeline itself reruns on class [Rerun]. Nothing was committed when the error is
	// Refused or Rerun. An unknown commit outcome is class [Retry].
	InTx(ctx context.Context, caller Caller, fn func(Tx) error) error
	// Checkpoint returns a number for this user and device that is greater than any it returned before.
	Checkpoint(ctx context.Context, subject, clientID string) (int64, error)
	// Ready reports whether the database answers and has our own tables.
	Ready(ctx context.Context) error
	// Close frees everything. The applier is not used afterwards.
	Close() error
}

// Tx is one database transaction. It is used by one goroutine, in this order: Claim at most once and first,
// then Load, Find and Write in any number, then Settle at most once and last.
//
// Write and Settle may be deferred by the driver until the next Load or Find, or the commit, so that they travel
// together.
type Tx interface {
	// Claim locks the device's row, creating it if need be, and reads the ledger. The wait for the lock is
	// at most two seconds, then class [Retry].
	Claim(ctx context.Context, c Claim) (Claimed, error)
	// Load reads rows, one map by key for each Read. Rows that don't exist are absent. All locks are taken
	// in one order that is the same in every replica.
	Load(ctx context.Context, reads []Read) ([]map[any]Row, error)
	// Find reads rows by the values of columns, one list for each Find, in no particular order, with one statement
	// for each Find. It sees what Write was given before. Rows have the key and the columns of the lookup, By
	// and Null among them. Values are compared as Equal of the columns does, letter by letter.
	Find(ctx context.Context, finds []Find) ([][]Row, error)
	// Write makes the changes, in order as far as anyone can tell. A change that the database refuses is a
	// [*ChangeError], here or from InTx.
	Write(ctx context.Context, changes []Change) error
	// Blame asks that each change from now on is a statement of its own, so that a [*ChangeError] has its
	// index whenever the database names a culprit at all. Changes may still be deferred and travel together.
	Blame()
	// Settle stores the ledger row, refusals and dead letters. A dead letter whose ID is that of an open one is only
	// counted, and one whose ID is that of a closed one takes its place.
	Settle(ctx context.Context, s Settlement) error
}
