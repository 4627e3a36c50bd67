package mysql

import (
	"context"
	"strconv"

	"writegate"
)

// Settle implements [writegate.Tx]. It travels with the writes before it.
func (t *tx) Settle(_ context.Context, s writegate.Settlement) error {
	if t.failed != nil {
		return t.failed
	}
	if t.db.cfg.NoOwnTables {
		t.failed = misconfigured(errNoOwnTables.Error(), errNoOwnTables)
		return t.failed
	}
	for i := range s.Closed {
		t.closeLetter(&s.Closed[i], func(open bool) error {
			if !open {
				return writegate.LetterClosed()
			}
			return nil
		})
	}
	t.settleDeadLetters(&s)
	for i := range s.Refusals {
		t.settleRefusal(&s.Refusals[i])
	}
	if r := s.Run; r != nil {
		t.do("INSERT INTO " + t.db.own + ".writegate_ledger (client_key, client_id, subject, first_op, last_op, settled_at, ops) VALUES (" +
			join(keyOf(r.ClientID), ownText(r.ClientID), ownText(r.Subject), intLiteral(r.FirstOp), intLiteral(r.LastOp), timeLiteral(r.SettledAt), bytesLiteral(string(r.Ops))) + ")")
		t.settleLinks(r, s.Links)
	}
	return nil
}

func (t *tx) settleRefusal(r *writegate.Refusal) {
	t.do("INSERT INTO " + t.db.own + ".writegate_refusals (client_key, op_id, fingerprint, subject_key, client_id, subject, tx_id, whole, code, reason, message, table_name, column_name, revision, at) VALUES (" +
		join(keyOf(r.ClientID), intLiteral(r.OpID), bytesLiteral(string(r.Fingerprint[:])), keyOf(r.Subject), ownText(r.ClientID), ownText(r.Subject),
			intLiteral(r.TxID), strconv.FormatBool(r.Whole), ownText(string(r.Code)), ownText(r.Reason), ownText(r.Message), ownText(r.Table), ownText(r.Column), ownText(r.Revision), timeLiteral(r.At)) +
		") ON DUPLICATE KEY UPDATE tx_id = VALUES(tx_id), whole = VALUES(whole), code = VALUES(code), reason = VALUES(reason), message = VALUES(message)," +
		" table_name = VALUES(table_name), column_name = VALUES(column_name), revision = VALUES(revision), at = VALUES(at)")
}
