package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// The codes of MongoDB that are answered.
const (
	codeInternal          = 1
	codeTypeMismatch      = 14
	codeCursorNotFound    = 43
	codeMaxTime           = 50
	codeNoSuchCommand     = 59
	codeWriteConflict     = 112
	codeValidation        = 121
	codeTransactionOld    = 225
	codeNoSuchTransaction = 251
	codeCommitted         = 256
	codeDuplicateKey      = 11000
	codeStartedTwice      = 50911
)

// labelTransient tells a client that the whole transaction may be tried again.
const labelTransient = "TransientTransactionError"

var codeNames = map[int32]string{
	codeInternal: "InternalError", 2: "BadValue", 9: "FailedToParse", codeTypeMismatch: "TypeMismatch", 26: "NamespaceNotFound",
	codeCursorNotFound: "CursorNotFound", 48: "NamespaceExists", codeMaxTime: "MaxTimeMSExpired", codeNoSuchCommand: "CommandNotFound",
	66: "ImmutableField", codeWriteConflict: "WriteConflict", 115: "CommandNotSupported", codeValidation: "DocumentValidationFailure",
	codeTransactionOld: "TransactionTooOld", codeNoSuchTransaction: "NoSuchTransaction", codeCommitted: "TransactionCommitted",
	codeDuplicateKey: "DuplicateKey",
}

// documentdb numbers the errors of MongoDB in the order of its own list and reports them as an SQLSTATE that begins with M.
var stateCodes = map[string]int32{
	"M0000": codeInternal, "M0001": 2, "M0003": 9, "M0004": codeTypeMismatch, "M0008": 26, "M000F": 48, "M000M": 66, "M000U": 115,
	"M001C": codeDuplicateKey,
	// What PostgreSQL itself reports.
	"40001": codeWriteConflict, "40P01": codeWriteConflict, "55P03": codeWriteConflict, // serialization, deadlock, lock not available
	"23505": codeDuplicateKey, "23P01": codeDuplicateKey, // unique, exclusion
	"57014": codeMaxTime, // canceled
}

// commandError is an error as MongoDB answers it.
type commandError struct {
	code    int32
	message string
	labels  []string
}

func (e *commandError) Error() string { return fmt.Sprintf("%d: %s", e.code, e.message) }

func newError(code int32, message string, labels ...string) *commandError {
	return &commandError{code: code, message: message, labels: labels}
}

// document is what the client gets.
func (e *commandError) document() []byte {
	name := codeNames[e.code]
	if name == "" {
		name = fmt.Sprintf("Location%d", e.code)
	}
	d := bson.D{{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: e.message}, {Key: "code", Value: e.code}, {Key: "codeName", Value: name}}
	if len(e.labels) > 0 {
		d = append(d, bson.E{Key: "errorLabels", Value: e.labels})
	}
	return encode(d)
}

// asCommandError translates what is an answer of PostgreSQL, or of docgw itself. Any other error means that the
// connection to PostgreSQL is lost, and is nil here: to a client that is a server that went away.
func asCommandError(err error) *commandError {
	if e, ok := errors.AsType[*commandError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && !goesDown[e.Code] {
		return newError(codeOf(e.Code, e.Message), e.Message)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return newError(codeMaxTime, "operation exceeded time limit")
	}
	return nil
}

// goesDown are the last words of PostgreSQL on a connection, and the first ones while it starts.
var goesDown = map[string]bool{"57P01": true, "57P02": true, "57P03": true}

func codeOf(state, message string) int32 {
	if message == "Document failed validation" { // documentdb has no SQLSTATE of its own for it
		return codeValidation
	}
	if code := stateCodes[state]; code != 0 {
		return code
	}
	return codeInternal
}

// unpackState is the SQLSTATE that PostgreSQL packs into a number, six bits for each character.
func unpackState(packed int32) string {
	b := make([]byte, 5)
	for i := range b {
		b[i] = byte(packed&0x3f) + '0'
		packed >>= 6
	}
	return string(b)
}

// translateWriteErrors puts MongoDB's codes in place of the packed SQLSTATEs in an answer of documentdb.
func translateWriteErrors(answer []byte) ([]byte, error) {
	if _, err := bson.Raw(answer).LookupErr("writeErrors"); err != nil {
		return answer, nil // there are none
	}
	var d bson.D
	if err := bson.Unmarshal(answer, &d); err != nil {
		return nil, err
	}
	for _, e := range d {
		if list, ok := e.Value.(bson.A); ok && e.Key == "writeErrors" {
			for _, w := range list {
				if w, ok := w.(bson.D); ok {
					translateCode(w)
				}
			}
		}
	}
	return bson.Marshal(d)
}

func translateCode(writeError bson.D) {
	message := ""
	for _, e := range writeError {
		if e.Key == "errmsg" {
			message, _ = e.Value.(string)
		}
	}
	for i, e := range writeError {
		if packed, ok := e.Value.(int32); ok && e.Key == "code" {
			writeError[i].Value = codeOf(unpackState(packed), message)
		}
	}
}
