package sqlserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"writegate"
)

// severity orders what a failure of several numbers is: what holds the write back goes before what refuses it.
var severity = map[writegate.Class]int{writegate.Refused: 1, writegate.Rerun: 2, writegate.Retry: 3, writegate.Operator: 4}

// native returns the numbers of an error of the server, with their messages. Nil is somebody else's error.
func native(err error) []mssql.Error {
	var e mssql.Error
	if !errors.As(err, &e) || e.Number == 0 && len(e.All) == 0 {
		return nil
	}
	if len(e.All) == 0 {
		return []mssql.Error{e}
	}
	return e.All
}

// judge returns the verdict on an error of the server and the error that it is about. Numbers that only follow from
// others count when they are alone.
func judge(err error) (verdict, *mssql.Error) {
	all := native(err)
	var found verdict
	var guilty *mssql.Error
	for _, alone := range []bool{false, true} {
		for i := range all {
			if v := verdictAt(&all[i]); followers[all[i].Number] == alone && (guilty == nil || severity[v.class] > severity[found.class]) {
				found, guilty = v, &all[i]
			}
			if all[i].Number == numberTriggerEnded && alone { // whatever else says that the transaction is over
				return verdictOf(numberTriggerEnded), &all[i]
			}
		}
		if guilty != nil {
			break
		}
	}
	return found, guilty
}

func verdictOf(number int32) verdict {
	if v, known := numbers[number]; known {
		return v
	}
	if number >= firstRaised {
		return raised
	}
	return mend
}

// isNumber tells whether an error has a number of the server in it.
func isNumber(err error, number int32) bool {
	for _, e := range native(err) {
		if e.Number == number {
			return true
		}
	}
	return false
}

func isDuplicate(err error) bool {
	return isNumber(err, numberDuplicate) || isNumber(err, numberUnique)
}

// classify makes the [*writegate.Error] of an error that no single change caused. It goes by number.
func classify(err error) *writegate.Error {
	if known, ok := errors.AsType[*writegate.Error](err); ok {
		return known
	}
	v, guilty := judge(err)
	if guilty == nil {
		return foreign(err)
	}
	switch v.class {
	case writegate.Rerun:
		return &writegate.Error{Class: v.class, Code: writegate.Conflict, Message: "The write met another one; it is worth trying again.", Cause: err}
	case writegate.Retry:
		e := writegate.TryLater(err)
		e.Reason = v.reason
		return e
	case writegate.Refused:
		return &writegate.Error{Class: v.class, Code: v.code, Reason: v.reason, Message: "The database refuses this write: " + v.text + ".", Cause: err}
	case writegate.Operator, writegate.Forbidden:
	}
	return &writegate.Error{Class: writegate.Operator, Code: v.code, Message: "The database is not set up for this write yet.", Cause: err}
}

// foreign classifies errors that are not the server's word: those of the network and of contexts, and of a
// connection that can't be made safe.
func foreign(err error) *writegate.Error {
	var network net.Error
	var lost *net.OpError
	var fatal mssql.ServerError
	var stream mssql.StreamError
	var request mssql.Error
	switch {
	case untrusted(err):
		return misconfigured("the connection to SQL Server can't be made safe: look at its certificate and at the DSN", err)
	case errors.As(err, &network), errors.As(err, &lost), errors.As(err, &fatal), errors.As(err, &stream), errors.As(err, &request),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return writegate.TryLater(err)
	}
	return writegate.AsError(err)
}

// untrusted tells trouble with TLS. The client library makes text of most of it, so there its own words decide.
func untrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	if errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &unknown) || errors.As(err, &host) {
		return true
	}
	text := err.Error()
	return strings.HasPrefix(text, "TLS Handshake failed: ") && !strings.HasSuffix(text, "EOF") && !strings.Contains(text, "connection reset") && !strings.Contains(text, "timeout") ||
		text == "server does not support encryption"
}
