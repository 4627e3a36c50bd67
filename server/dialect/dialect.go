// Package dialect reads the bodies that PowerSync connectors upload and writes the answers they expect.
//
// Connectors agree on no format. [Decode] tells the formats apart by shape and makes one
// [writegate.Upload] of any of them; [Answer] speaks the format that the request spoke. Nothing here does
// I/O or knows HTTP beyond the name of a method and the number of a status.
//
// A fault of one operation stays with that operation, as [writegate.Op.Fault], so that it can be refused
// and kept. Only a body in which no operation can be found at all is an error.
package dialect

import (
	"strings"
	"time"
	"unicode/utf8"

	"writegate"
)

// Name says which format a request spoke. It is a label for logs and metrics.
type Name string

// The formats. Those of a list are named after the member that holds it.
const (
	// Transactions is the vendor's format and the only one whose answer can stop in the middle.
	Transactions Name = "transactions"
	Batch        Name = "batch"
	Operations   Name = "operations"
	Crud         Name = "crud"
	Ops          Name = "ops"
	// Array is a bare JSON array of operations or transactions.
	Array Name = "array"
	// Single is one operation that names its op.
	Single Name = "single"
	// Method is one operation whose op is the method of the request.
	Method Name = "method"
)

// Request is a decoded body.
type Request struct {
	// Upload is never nil. It has no transactions when the client sent an empty list.
	Upload  *writegate.Upload
	Dialect Name
	// UserID is the body's user_id. It is client-asserted and proves nothing.
	UserID string
}

// MaxClientID is the greatest length in bytes of a device's id.
const MaxClientID = 255

// ClientID returns the id of a device if it can be stored, and otherwise none, the empty string: the upload
// then has no identity, but the device goes on. An id can't be stored when it is longer than [MaxClientID],
// is not UTF-8 or has a NUL in it.
func ClientID(id string) string {
	if len(id) > MaxClientID || !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return ""
	}
	return id
}

// Fault refuses a whole request. Its message may be shown to the client.
type Fault struct {
	// Status is the HTTP status: 400 or 413.
	Status  int
	Message string
}

// Error returns the message.
func (f *Fault) Error() string { return f.Message }

// Reply is an answer.
type Reply struct {
	// Status is the HTTP status: 200 or 503.
	Status int
	// RetryAfter is for the header of that name, 0 for none.
	RetryAfter time.Duration
	// Body marshals to the JSON object of the answer.
	Body any
}
