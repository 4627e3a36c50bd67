package postgres

import (
	"context"
	"time"

	"writegate"
)

// Settle implements [writegate.Tx]. It travels with the writes before it.
func (t *tx) Settle(_ context.Context, s writegate.Settlement) error {
	if t.db.cfg.NoOwnTables {
		return t.fail(misconfigured(errNoOwnTables.Error(), errNoOwnTables))
	}
	if err := t.constrain(); err != nil {
		return err
	}
	t.undelegate()
	for _, c := range s.Closed {
		t.settleClosed(c)
	}
	t.settleDeadLetters(s.DeadLetters, s.MostLetters)
	for i := range s.Refusals {
		t.settleRefusal(&s.Refusals[i])
	}
	if r := s.Run; r != nil {
		t.queue(t.ignore, "insert into "+t.db.own+".writegate_ledger (client_id, subject, first_op, last_op, settled_at, ops) values ($1, $2, $3, $4, $5, $6)",
			storable(r.ClientID), storable(r.Subject), r.FirstOp, r.LastOp, instant(r.SettledAt), r.Ops)
		t.settleLinks(storable(r.ClientID), s.Links)
	}
	return nil
}

func (t *tx) settleRefusal(r *writegate.Refusal) {
	t.queue(t.ignore, "insert into "+t.db.own+".writegate_refusals (client_id, op_id, fingerprint, subject, tx_id, whole, code, reason, message, table_name, column_name, revision, at)"+
		" values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"+
		" on conflict (client_id, op_id, fingerprint, subject) do update set tx_id = excluded.tx_id, whole = excluded.whole, code = excluded.code,"+
		" reason = excluded.reason, message = excluded.message, table_name = excluded.table_name, column_name = excluded.column_name, revision = excluded.revision, at = excluded.at",
		storable(r.ClientID), r.OpID, r.Fingerprint[:], storable(r.Subject), r.TxID, r.Whole, string(r.Code), storable(r.Reason), storable(r.Message),
		storable(r.Table), storable(r.Column), storable(r.Revision), instant(r.At))
}

// instant is a time that the ledger stores, now when none was given.
func instant(at time.Time) time.Time {
	if at.IsZero() {
		at = time.Now()
	}
	return at.UTC()
}
