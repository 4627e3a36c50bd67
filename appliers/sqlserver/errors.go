package sqlserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
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
			if v := verdictOf(all[i].Number); followers[all[i].Number] == alone && (guilty == nil || severity[v.class] > severity[found.class]) {
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
		errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
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

// blameFor makes the error of a batch that changes rows. Where it has one statement, that is to blame; else
// nobody is, and the caller asks again with Blame.
func (t *tx) blameFor(ctx context.Context, err error, all []made) error {
	v, guilty := judge(err)
	if guilty == nil || v.class != writegate.Refused {
		return classify(err)
	}
	if isDuplicate(err) && t.ownDuplicate(guilty) {
		return &writegate.Error{Class: writegate.Rerun, Code: writegate.Conflict, Message: "The write met another one; it is worth trying again.", Cause: err}
	}
	if len(all) == 0 {
		return classify(err)
	}
	m := made{index: -1}
	if len(all) == 1 {
		m = all[0]
	}
	if isDuplicate(err) {
		if of := keyTaken(guilty, all); of != nil {
			same, others := t.lookAgain(ctx, of)
			if others > 0 {
				return &writegate.ChangeError{Index: m.index, Err: twin(err, of.changes[0].Table)}
			}
			if same > 0 || driverOf(of.changes[0].Table).seek {
				return race(m.index, err)
			}
		}
	}
	if len(m.changes) == 0 {
		return &writegate.ChangeError{Index: -1, Err: classify(err)}
	}
	return &writegate.ChangeError{Index: m.index, Err: explain(err, v, guilty, &m.changes[0])}
}

// ownDuplicate tells a duplicate in our own tables: two uploads that came at once, of which the second finds the
// row of the first when it runs again.
func (t *tx) ownDuplicate(e *mssql.Error) bool {
	text, _, _ := strings.Cut(e.Message, duplicateValue)
	return strings.Contains(text, "'"+t.db.cfg.Schema+".writegate_")
}

// duplicateValue is where a message begins to tell values.
const duplicateValue = " The duplicate key value is "

// keyTaken returns the insert whose key another row has already, where the index that the message names is over
// the key alone. Of a view nobody knows the indexes, so the key may be it.
func keyTaken(e *mssql.Error, all []made) *made {
	text, _, _ := strings.Cut(e.Message, duplicateValue)
	for i, m := range all {
		if m.changes[0].Verb != writegate.Insert {
			continue
		}
		own := driverOf(m.changes[0].Table)
		if !own.seek {
			return &all[i]
		}
		for name := range own.keyIndexes {
			if strings.Contains(text, "'"+name+"'") && strings.Contains(text, "'"+m.changes[0].Table.Source+"'") {
				return &all[i]
			}
		}
	}
	return nil
}

// explain makes the error of a change that was refused. What it says names tables and columns of the configuration
// and nothing else; the server's message is searched for their names only.
func explain(err error, v verdict, e *mssql.Error, change *writegate.Change) *writegate.Error {
	t := change.Table
	own := driverOf(t)
	var columns []string
	switch e.Number {
	case numberDuplicate, numberUnique:
		text, _, _ := strings.Cut(e.Message, duplicateValue)
		columns = named(text, "'", own.indexes)
	case numberConstraint:
		v, columns = constrained(e.Message, v, own, change)
	case numberNotNull:
		for _, c := range own.columns {
			if strings.Contains(e.Message, "column '"+c.source()+"', table '") {
				columns = []string{c.name}
			}
		}
	case 2628:
		text, _, _ := strings.Cut(e.Message, "Truncated value:")
		for _, c := range own.columns {
			if strings.Contains(text, ", column '"+c.source()+"'.") {
				columns = []string{c.name}
			}
		}
	}
	out := &writegate.Error{Class: writegate.Refused, Code: v.code, Reason: v.reason, Table: t.Name, Cause: err}
	place := t.Name
	switch len(columns) {
	case 0:
	case 1:
		out.Column = columns[0]
		place += "." + columns[0]
	default:
		place += " (" + strings.Join(columns, ", ") + ")"
	}
	out.Message = fmt.Sprintf("%s: %s.", place, v.text)
	return out
}

// named returns the columns of the longest name that stands in quotation marks in a message.
func named(text, mark string, all map[string][]string) []string {
	var best string
	for name := range all {
		if len(name) > len(best) && strings.Contains(text, mark+name+mark) {
			best = name
		}
	}
	return all[best]
}

// constrained tells foreign keys from checks, which have one number.
func constrained(message string, v verdict, own *table, change *writegate.Change) (verdict, []string) {
	text, _, _ := strings.Cut(message, " The conflict occurred in ")
	var name string
	for known := range own.constraints {
		if len(known) > len(name) && strings.Contains(text, `"`+known+`"`) {
			name = known
		}
	}
	c := own.constraints[name]
	switch {
	case c.kind == "check":
		return verdict{v.class, writegate.CheckViolation, "", "does not meet a check of the database"}, c.columns
	case c.kind == "foreign" && change.Verb != writegate.Remove:
		return verdict{v.class, writegate.ForeignKeyViolation, "", "the row it refers to does not exist"}, c.columns
	case c.kind != "" || change.Verb == writegate.Remove:
		return verdict{v.class, writegate.ForeignKeyViolation, "", "other rows still refer to it"}, nil
	}
	return v, nil
}

// source is the database's name of the column.
func (c *column) source() string {
	return strings.ReplaceAll(c.quoted[1:len(c.quoted)-1], "]]", "]")
}

func race(index int, cause error) *writegate.ChangeError {
	return &writegate.ChangeError{Index: index, Race: true, Err: &writegate.Error{
		Class: writegate.Rerun, Code: writegate.Conflict, Message: "The row changed in the meantime; the write is worth trying again.", Cause: cause,
	}}
}

// twin refuses a key that the database takes for that of another row.
func twin(err error, t *writegate.Table) *writegate.Error {
	e := writegate.Refuse(writegate.UniqueViolation, "", t.Name+": the database takes the id for that of another row.")
	e.Table, e.Cause = t.Name, err
	if len(t.Parts) == 0 {
		e.Column = t.Key
		e.Message = t.Name + "." + t.Key + ": the database takes the id for that of another row."
	}
	return e
}

// lookAgain counts the rows that have the keys of an insert, and others that the index takes for the same: those
// that differ in case, in accents or in blanks at the end. Nobody would ever find them by the key, so it is no race.
// The transaction is over anyway. Where nothing can be found out there are none.
func (t *tx) lookAgain(ctx context.Context, m *made) (same, others int) {
	own := driverOf(m.changes[0].Table)
	letters := slices.ContainsFunc(own.key, func(c *column) bool { return c.codec.letters })
	if own.seek && !letters {
		return 0, 0
	}
	t.rollback(ctx)
	set := make([]map[string]any, len(m.changes))
	for i := range m.changes {
		set[i] = map[string]any{}
		own.putKey(set[i], m.changes[i].Table, m.changes[i].Key)
	}
	b := &batch{}
	source, err := b.rows(set, len(own.key), 0)
	if err != nil {
		return 0, 0
	}
	exact := "CASE WHEN " + own.match("[t].", jsonField, false) + " THEN 1 ELSE 0 END"
	b.add("SELECT COALESCE(SUM(" + exact + "), 0) AS [writegate], COUNT(*) FROM " + source + "\nINNER JOIN " + own.quoted + " AS [t] ON " + own.match("[t].", jsonField, true))
	b.result(one(&same, &others))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := b.run(ctx, t.conn); err != nil {
		return 0, 0
	}
	return same, others - same
}
