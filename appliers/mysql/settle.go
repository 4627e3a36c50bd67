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
	for i := range s.DeadLetters {
		t.settleDeadLetter(&s.DeadLetters[i])
	}
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

// letterPart is the size in bytes of the parts of a dead letter. As digits they fit even a max_allowed_packet of 1M. It is
// the same always, since a letter that comes again is stored over.
const letterPart = min(256<<10, writegate.DeadLetterPart)

// settleDeadLetter keeps a transaction in parts, or counts it when it is kept already: then its parts are there too.
func (t *tx) settleDeadLetter(d *writegate.DeadLetter) {
	id := ownText(d.ID)
	t.do("INSERT INTO " + t.db.own + ".writegate_dead_letters (id, client_id, subject, tx_id, first_op, last_op, op_index, code, reason, message, table_name, column_name, revision, at, last_seen) VALUES (" +
		join(id, ownText(d.ClientID), ownText(d.Subject), intLiteral(d.TxID), intLiteral(d.FirstOp), intLiteral(d.LastOp), strconv.Itoa(d.OpIndex), ownText(string(d.Code)), ownText(d.Reason),
			ownText(d.Message), ownText(d.Table), ownText(d.Column), ownText(d.Revision), timeLiteral(d.At), timeLiteral(d.At)) +
		") ON DUPLICATE KEY UPDATE seen = seen + 1, last_seen = VALUES(last_seen)")
	for part, body := 0, d.Body; part == 0 || len(body) > 0; part++ {
		n := min(len(body), letterPart)
		t.do("INSERT INTO " + t.db.own + ".writegate_dead_letter_parts (letter_id, part, body) VALUES (" +
			join(id, strconv.Itoa(part), bytesLiteral(string(body[:n]))) + ") ON DUPLICATE KEY UPDATE part = VALUES(part)")
		body = body[n:]
	}
}
