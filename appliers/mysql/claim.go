package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"writegate"
)

var errLedger = errors.New("a row of the ledger can't be read")

// Claim implements [writegate.Tx].
func (t *tx) Claim(ctx context.Context, c writegate.Claim) (writegate.Claimed, error) {
	var claimed writegate.Claimed
	if t.failed != nil || t.db.cfg.NoOwnTables {
		return claimed, t.failed
	}
	own, client := t.db.own, keyOf(c.ClientID)
	t.change("INSERT INTO "+own+".writegate_clients (client_key, client_id, subject, last_op) VALUES ("+
		join(client, ownText(c.ClientID), ownText(c.Subject), intLiteral(c.Last))+
		") ON DUPLICATE KEY UPDATE subject = VALUES(subject), last_op = GREATEST(last_op, VALUES(last_op)), last_seen = CURRENT_TIMESTAMP(6)", nothing, busy)
	is := " WHERE client_key = " + client
	t.queue(readRuns(c.ClientID, &claimed.Runs), selectRuns(own)+is+fmt.Sprintf(" AND last_op >= %d AND first_op <= %d", c.First, c.Last))
	t.queue(readRefusals(c.ClientID, &claimed.Refusals), selectRefusals(own)+is+fmt.Sprintf(" AND op_id BETWEEN %d AND %d", c.First, c.Last))
	claimed.Links = t.claimLinks(c)
	return claimed, t.flush(ctx)
}

func selectRuns(own string) string {
	return "SELECT subject, first_op, last_op, settled_at, ops FROM " + own + ".writegate_ledger"
}

func readRuns(clientID string, into *[]writegate.Run) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		for rows.Next() {
			r := writegate.Run{ClientID: clientID}
			if err := rows.Scan(&r.Subject, &r.FirstOp, &r.LastOp, scanTime{&r.SettledAt}, &r.Ops); err != nil {
				return err
			}
			*into = append(*into, r)
		}
		return rows.Err()
	}
}

func selectRefusals(own string) string {
	return "SELECT op_id, fingerprint, subject, tx_id, whole, code, reason, message, table_name, column_name, revision, at FROM " + own + ".writegate_refusals"
}

func readRefusals(clientID string, into *[]writegate.Refusal) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		for rows.Next() {
			r := writegate.Refusal{ClientID: clientID}
			var fingerprint []byte
			if err := rows.Scan(&r.OpID, &fingerprint, &r.Subject, &r.TxID, &r.Whole, &r.Code, &r.Reason, &r.Message, &r.Table, &r.Column, &r.Revision, scanTime{&r.At}); err != nil {
				return err
			}
			if copy(r.Fingerprint[:], fingerprint) != len(fingerprint) {
				return errLedger
			}
			*into = append(*into, r)
		}
		return rows.Err()
	}
}

// busy tells that the wait for the row of a device was too long.
func busy(_ context.Context, err error) error {
	native, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok || native.Number != lockTimeout {
		return err
	}
	e := writegate.TryLater(err)
	e.Reason, e.Message = "device.busy", "Another upload of this device is still being applied; this one is worth sending again."
	return e
}

// scanTime reads a DATETIME, which sessions in UTC mean as UTC. Null is the zero time.
type scanTime struct{ at *time.Time }

// Scan implements [sql.Scanner].
func (s scanTime) Scan(v any) (err error) {
	if v == nil {
		*s.at = time.Time{}
		return nil
	}
	text, ok := v.([]byte)
	if !ok {
		return errLedger
	}
	*s.at, err = time.Parse(ownTime, string(text))
	return err
}

// ownTime is how times are read from and written to tables of ours.
const ownTime = "2006-01-02 15:04:05.999999"

// timeLiteral is a time that a table of ours stores, now when none was given.
func timeLiteral(at time.Time) string {
	if at.IsZero() {
		at = time.Now()
	}
	return "'" + at.UTC().Truncate(time.Microsecond).Format(ownTime) + "'"
}
