package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"writegate"
)

// What is read of a run and of a refusal, by [scanRun] and [scanRefusal].
const (
	runColumns     = "client_id, subject, first_op, last_op, settled_at, ops"
	refusalColumns = "client_id, op_id, fingerprint, subject, tx_id, whole, code, reason, message, table_name, column_name, revision, at"
)

// Claim implements [writegate.Tx].
func (t *tx) Claim(ctx context.Context, c writegate.Claim) (writegate.Claimed, error) {
	var claimed writegate.Claimed
	if t.failed != nil || t.db.cfg.NoOwnTables {
		return claimed, t.failed
	}
	client, own := storable(c.ClientID), t.db.own
	t.begin(min(deviceWait, t.db.cfg.LockTimeout))
	t.queue(t.ignore, "insert into "+own+".writegate_clients as c (client_id, subject, last_op) values ($1, $2, $3)"+
		" on conflict (client_id) do update set subject = excluded.subject, last_op = greatest(c.last_op, excluded.last_op), last_seen = now()",
		client, storable(c.Subject), c.Last)
	t.queue(t.ignore, "select set_config('lock_timeout', $1, true)", milliseconds(t.db.cfg.LockTimeout))
	t.queue(collect(&claimed.Runs, scanRun), "select "+runColumns+" from "+own+".writegate_ledger where client_id = $1 and last_op >= $2 and first_op <= $3",
		client, c.First, c.Last)
	t.queue(collect(&claimed.Refusals, scanRefusal), "select "+refusalColumns+" from "+own+".writegate_refusals where client_id = $1 and op_id between $2 and $3",
		client, c.First, c.Last)
	t.claimLinks(client, c.Links, &claimed.Links)
	return claimed, t.flush(ctx)
}

func scanRun(row pgx.CollectableRow) (r writegate.Run, err error) {
	err = row.Scan(&r.ClientID, &r.Subject, &r.FirstOp, &r.LastOp, &r.SettledAt, &r.Ops)
	r.SettledAt = r.SettledAt.UTC()
	return r, err
}

var errLedger = errors.New("a fingerprint in the ledger has another length")

func scanRefusal(row pgx.CollectableRow) (r writegate.Refusal, err error) {
	var fingerprint []byte
	err = row.Scan(&r.ClientID, &r.OpID, &fingerprint, &r.Subject, &r.TxID, &r.Whole, &r.Code, &r.Reason, &r.Message, &r.Table, &r.Column, &r.Revision, &r.At)
	if err == nil && copy(r.Fingerprint[:], fingerprint) != len(fingerprint) {
		err = errLedger
	}
	r.At = r.At.UTC()
	return r, err
}

// collect reads rows into a slice.
func collect[T any](into *[]T, scan pgx.RowToFunc[T]) func(pgx.BatchResults) error {
	return func(results pgx.BatchResults) error {
		rows, _ := results.Query() // CollectRows has the error
		found, err := pgx.CollectRows(rows, scan)
		if err != nil {
			return classify(fmt.Errorf("reading the ledger: %w", err))
		}
		*into = found
		return nil
	}
}
