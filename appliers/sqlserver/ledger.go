package sqlserver

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"writegate"
)

var errLedger = errors.New("a fingerprint in the ledger has another length")

// hash is how our own tables find a device or a subject: by a hash, since an index takes texts of 450 characters
// at most, and takes some that differ for equal.
func (b *batch) hash(id string) string {
	sum := sha256.Sum256([]byte(storable(id)))
	return "CONVERT(binary(32), " + b.value(sum[:]) + ")"
}

// Claim implements [writegate.Tx]. The device's row is locked by writing to it; one that is created twice at once
// is a race, and the second finds it on its next run.
func (t *tx) Claim(ctx context.Context, c writegate.Claim) (writegate.Claimed, error) {
	claimed := writegate.Claimed{}
	if t.failed != nil || t.db.cfg.NoOwnTables {
		return claimed, t.failed
	}
	b, own := t.now(), t.db.own
	client, subject, last := b.hash(c.ClientID), b.text(storable(c.Subject)), b.value(c.Last)
	b.add(lockTimeoutIs(min(deviceWait, t.db.cfg.LockTimeout)))
	b.add("UPDATE "+own+".[writegate_clients] WITH (ROWLOCK) SET [subject] = ", subject, ", [last_op] = CASE WHEN [last_op] < ", last, " THEN ", last, " ELSE [last_op] END,"+
		" [last_seen] = SYSDATETIMEOFFSET() WHERE [client_key] = ", client)
	b.add("IF @@ROWCOUNT = 0 INSERT INTO "+own+".[writegate_clients] ([client_key], [client_id], [subject], [last_op]) VALUES (", client, ", ", b.text(storable(c.ClientID)), ", ", subject, ", ", last, ")")
	b.add(lockTimeoutIs(t.db.cfg.LockTimeout))
	first := b.value(c.First)
	is := " WHERE [client_key] = " + client
	b.add(runsSQL(own, ""), is, " AND [last_op] >= ", first, " AND [first_op] <= ", last)
	b.result(readRuns(c.ClientID, &claimed.Runs))
	b.add(refusalsSQL(own, ""), is, " AND [op_id] BETWEEN ", first, " AND ", last)
	b.result(readRefusals(c.ClientID, &claimed.Refusals))
	if err := t.claimLinks(ctx, c, &claimed); err != nil {
		return claimed, err
	}
	err := t.flush(ctx)
	if isNumber(err, numberLockTimeout) {
		writegate.AsError(err).Reason = "device.busy"
	}
	return claimed, err
}

func runsSQL(own, hints string) string {
	return "SELECT [subject] AS [writegate], [first_op], [last_op], [settled_at], [ops] FROM " + own + ".[writegate_ledger]" + hints
}

func readRuns(clientID string, into *[]writegate.Run) func(*sql.Rows) error {
	var r writegate.Run
	var ops []byte
	return each(func() error {
		run := r
		run.ClientID, run.SettledAt, run.Ops = clientID, r.SettledAt.UTC(), ops
		*into = append(*into, run)
		return nil
	}, &r.Subject, &r.FirstOp, &r.LastOp, &r.SettledAt, &ops)
}

func refusalsSQL(own, hints string) string {
	return "SELECT [op_id] AS [writegate], [fingerprint], [subject], [tx_id], [whole], [code], [reason], [message], [table_name], [column_name], [revision], [at] FROM " + own + ".[writegate_refusals]" + hints
}

func readRefusals(clientID string, into *[]writegate.Refusal) func(*sql.Rows) error {
	var r writegate.Refusal
	var fingerprint []byte
	return each(func() error {
		refusal := r
		refusal.ClientID, refusal.At = clientID, r.At.UTC()
		if copy(refusal.Fingerprint[:], fingerprint) != len(fingerprint) {
			return errLedger
		}
		*into = append(*into, refusal)
		return nil
	}, &r.OpID, &fingerprint, &r.Subject, &r.TxID, &r.Whole, &r.Code, &r.Reason, &r.Message, &r.Table, &r.Column, &r.Revision, &r.At)
}

// Settle implements [writegate.Tx]. It travels with the writes before it.
func (t *tx) Settle(ctx context.Context, s writegate.Settlement) error {
	if t.failed != nil {
		return t.failed
	}
	if t.db.cfg.NoOwnTables {
		return t.fail(misconfigured(errNoOwnTables.Error(), errNoOwnTables))
	}
	for i := range s.Closed {
		if err := t.settleClosing(ctx, &s.Closed[i]); err != nil {
			return err
		}
	}
	for i := range s.DeadLetters {
		if err := t.settleDeadLetter(ctx, &s.DeadLetters[i], i, s.MostLetters); err != nil {
			return err
		}
	}
	for i := range s.Refusals {
		if err := t.settleRefusal(ctx, &s.Refusals[i]); err != nil {
			return err
		}
	}
	r := s.Run
	if r == nil {
		return nil
	}
	if err := t.room(ctx, 7); err != nil {
		return err
	}
	b := t.now()
	b.add("INSERT INTO "+t.db.own+".[writegate_ledger] ([client_key], [client_id], [subject], [first_op], [last_op], [settled_at], [ops]) VALUES (", b.hash(r.ClientID), ", ",
		b.text(storable(r.ClientID)), ", ", b.text(storable(r.Subject)), ", ", b.value(r.FirstOp), ", ", b.value(r.LastOp), ", ", b.value(instant(r.SettledAt)), ", ", b.blob(r.Ops), ")")
	return t.settleLinks(ctx, r, s.Links)
}

// blob adds a parameter of bytes, as text so that its declaration does not change with its length.
func (b *batch) blob(v []byte) string {
	return "CONVERT(varbinary(max), " + b.text("0x"+hex.EncodeToString(v)) + ", 1)"
}

// settleRefusal updates what is there or inserts what is not: one device at a time comes here.
func (t *tx) settleRefusal(ctx context.Context, r *writegate.Refusal) error {
	if err := t.room(ctx, 15); err != nil {
		return err
	}
	b, table := t.now(), t.db.own+".[writegate_refusals]"
	client, subject, op, fingerprint := b.hash(r.ClientID), b.hash(r.Subject), b.value(r.OpID), "CONVERT(binary(16), "+b.value(r.Fingerprint[:])+")"
	tx, whole, code, reason, message := b.value(r.TxID), b.value(r.Whole), b.text(string(r.Code)), b.text(storable(r.Reason)), b.text(storable(r.Message))
	tableName, column, revision, at := b.text(storable(r.Table)), b.text(storable(r.Column)), b.text(storable(r.Revision)), b.value(instant(r.At))
	b.add("UPDATE "+table+" WITH (ROWLOCK) SET [tx_id] = ", tx, ", [whole] = ", whole, ", [code] = ", code, ", [reason] = ", reason, ", [message] = ", message,
		", [table_name] = ", tableName, ", [column_name] = ", column, ", [revision] = ", revision, ", [at] = ", at,
		" WHERE [client_key] = ", client, " AND [op_id] = ", op, " AND [fingerprint] = ", fingerprint, " AND [subject_key] = ", subject)
	b.add("IF @@ROWCOUNT = 0 INSERT INTO "+table+" ([client_key], [op_id], [fingerprint], [subject_key], [client_id], [subject], [tx_id], [whole], [code], [reason], [message], [table_name], [column_name], [revision], [at]) VALUES (",
		strings.Join([]string{client, op, fingerprint, subject, b.text(storable(r.ClientID)), b.text(storable(r.Subject)), tx, whole, code, reason, message, tableName, column, revision, at}, ", "), ")")
	return nil
}

// instant is a time that the ledger stores, now when none was given.
func instant(at time.Time) time.Time {
	if at.IsZero() {
		at = time.Now()
	}
	return at.UTC()
}

// storable makes text that a column takes. Text that needs it belongs to no well-behaved client.
func storable(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
