package writegate

// Kind is what an operation asks for. The names are PowerSync's.
type Kind string

// The operations a client can send. A PUT creates a row or replaces it, a PATCH changes the columns it
// carries, a DELETE removes the row.
const (
	Put    Kind = "PUT"
	Patch  Kind = "PATCH"
	Delete Kind = "DELETE"
)

// Upload is one request of one device, decoded, in the order the device sent it.
type Upload struct {
	// ClientID names the device. It comes only from the envelope or the X-Client-Id header; it is empty
	// when the connector sends none, and the upload then has no identity.
	ClientID string
	// Transactions are the device's local transactions, never empty ones unless the client sent an empty one.
	Transactions []Transaction
	// StopOnRefusal leaves everything after a refused transaction unattempted. Only the vendor's dialect
	// has it, because only there the answer can say so.
	StopOnRefusal bool
}

// Ops counts the operations of all transactions.
func (u *Upload) Ops() int {
	n := 0
	for i := range u.Transactions {
		n += len(u.Transactions[i].Ops)
	}
	return n
}

// Transaction is one local transaction of a device: its operations take effect together or not at all.
type Transaction struct {
	// ID is the device's number for the transaction, 0 when it was not sent.
	ID  int64
	Ops []Op
}

// Op is one operation as the client sent it, before names are resolved and values converted.
type Op struct {
	Kind  Kind
	Table string
	ID    string
	// Data holds the columns of a PUT or PATCH by the name the client sent. Values are wire values (see
	// [Row]). An explicit null is present with the value nil.
	Data Row
	// Previous holds the values the client saw before its change, when it tracks them. Client-asserted.
	Previous Row
	// Metadata is the free text that the client attached. Client-asserted.
	Metadata string
	// OpID is the device's number for the operation, 0 when it was not sent. The SDKs count from 1.
	OpID int64
	// Fault says why this one operation could not be read. The pipeline refuses such an operation with it
	// and keeps it; the rest of the upload is not affected.
	Fault *Error
}

// Row maps column names to values.
//
// Wire values, as a client sends them, are nil, bool, string, [encoding/json.Number] and [JSON].
// Stored values, as a [Column] converts them and a driver loads them, are nil, bool, int64, float64,
// string, [time.Time] in UTC and [Bytes]. A decimal is a string of digits, a JSON document or array its
// text, a UUID lower-case text. An absent column is unknown; a null one is present with the value nil.
type Row map[string]any

// JSON is the text of a JSON object or array that a client sent as a value.
type JSON string

// Bytes is a stored value of a binary column. It is a string so that it can be compared and be a key.
type Bytes string

// Caller is who sent an upload, as its token says.
type Caller struct {
	// Subject is the token's sub claim, never blank.
	Subject string
	// Claims are all claims of the token; numbers are [encoding/json.Number].
	Claims map[string]any
}
