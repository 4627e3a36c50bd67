package writegate

import (
	"context"
	"time"
)

// Keeper is what operators see of our own tables in one database, and do with them. An [Applier] that has these tables
// implements it. Its methods may be called concurrently, and beside uploads; none of them waits for the lock of a
// device. Errors are as those of an [Applier].
type Keeper interface {
	// Lease gives a name to one holder for a time by the clock of the database, and reports whether this holder has
	// it: because it was free, was over, or was the holder's already, who has it for that time from now on. No time at
	// all gives it up.
	Lease(ctx context.Context, name, holder string, d time.Duration) (bool, error)
	// Prune removes what is older than it may be, at most that many rows of each kind, in short transactions that
	// block no upload for longer than one of its own statements. It returns how many went, by kind.
	Prune(ctx context.Context, before Expiry, most int) (Pruned, error)
	// History is what is settled of a device, by operation: runs that end behind an operation id, in the order of
	// their last ids, at most that many, and the refusals of operations in them.
	History(ctx context.Context, clientID string, after int64, most int) (History, error)
	// Letters lists dead letters in the order of At and ID, without their bodies, at most that many.
	Letters(ctx context.Context, q LetterQuery, most int) ([]StoredLetter, error)
	// Letter returns one of them, with its body, and nil when there is none.
	Letter(ctx context.Context, id string) (*StoredLetter, error)
	// CloseLetter ends an open letter otherwise than by writing it, and reports whether it was open.
	CloseLetter(ctx context.Context, c Closing) (bool, error)
	// Block remembers devices that are held back, each once; one that is known keeps its Since and adds to its Tries.
	Block(ctx context.Context, devices []Blocked) error
	// Unblock forgets devices.
	Unblock(ctx context.Context, clientIDs []string) error
	// Blocked lists devices that are held back, in the order of Since and ClientID, at most that many.
	Blocked(ctx context.Context, most int) ([]Blocked, error)
}

// Expiry says how old may be what is kept. What is from before each time may go; a zero time keeps all.
type Expiry struct {
	// Ledger is for runs, refusals and links, and for devices that have none of these. Once it is gone, an upload that is
	// sent again is applied again.
	Ledger time.Time
	// Letters is for dead letters that were closed before it. Open ones stay.
	Letters time.Time
	// Blocked is for devices that are held back and have not been heard of.
	Blocked time.Time
}

// Pruned counts rows that are gone.
type Pruned struct{ Runs, Refusals, Links, Clients, Letters, Blocked int }

// Most is the greatest of the counts: when it is what was asked for at most, there may be more.
func (p Pruned) Most() int {
	return max(p.Runs, p.Refusals, p.Links, p.Clients, p.Letters, p.Blocked)
}

// History is what the ledger knows of a device.
type History struct {
	// Known says that the device has a row of its own, from which come Subject, LastOp, FirstSeen and LastSeen.
	Known               bool
	Subject             string
	LastOp              int64
	FirstSeen, LastSeen time.Time
	Runs                []Run
	Refusals            []Refusal
}

// LetterState says what became of a dead letter.
type LetterState string

// The states of dead letters.
const (
	LetterOpen      LetterState = "open"
	LetterRetried   LetterState = "retried"
	LetterDiscarded LetterState = "discarded"
)

// StoredLetter is a dead letter and what became of it.
type StoredLetter struct {
	DeadLetter
	// Seen counts how often it was sent, LastSeen is when it was last.
	Seen     int
	LastSeen time.Time
	// State is LetterOpen until ClosedBy somebody, at a time and with a note.
	State          LetterState
	ClosedBy, Note string
	ClosedAt       time.Time
}

// LetterQuery says which dead letters are meant. What is zero does not matter.
type LetterQuery struct {
	State             LetterState
	ClientID, Subject string
	// Table, Code and Reason are those of the refusal.
	Table, Reason string
	Code          Code
	// From is included, To is not.
	From, To time.Time
	// AfterAt and AfterID are those of the last letter of the page before.
	AfterAt time.Time
	AfterID string
}

// Closing ends a dead letter.
type Closing struct {
	ID    string
	State LetterState
	// By is who did it, Note why; both are texts of at most 255 characters.
	By, Note string
	At       time.Time
}

// Blocked is a device that waits for an operator: its uploads are answered "later" until somebody mends the cause.
type Blocked struct {
	ClientID, Subject string
	// Since is when it was first held back, LastTry when last, and Tries how often.
	Since, LastTry time.Time
	Tries          int
	Code           Code
	Reason         string
	// Table is where it waits, as clients know it, empty where that is not known.
	Table string
}

// LettersFull is what [Tx.Settle] says when a subject has as many open dead letters as it may have.
func LettersFull() *Error {
	return &Error{
		Class: Operator, Code: Unavailable, Reason: ReasonLettersFull,
		Message: "Too many refused writes of this user wait for an operator; the upload is worth sending again.",
	}
}

// LetterClosed is what [Tx.Settle] says of a dead letter that is to be closed and is not open.
func LetterClosed() *Error {
	return Refuse(Conflict, ReasonLetterClosed, "The dead letter is not open any more, or there is none.")
}
