package mysql

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"writegate"
)

var _ writegate.Keeper = (*DB)(nil)

// keepTries bounds the tries of what operators do, where an upload is in the way.
const keepTries = 5

// keep runs statements of ours in a transaction of their own, once more where another transaction was in the way.
func (db *DB) keep(ctx context.Context, fn func(t *tx) error) error {
	if db.cfg.NoOwnTables {
		return misconfigured(errNoOwnTables.Error(), errNoOwnTables)
	}
	for try := 1; ; try++ {
		err := db.InTx(ctx, writegate.Caller{}, func(wtx writegate.Tx) error {
			return fn(wtx.(*tx))
		})
		if err == nil || writegate.AsError(err).Class != writegate.Rerun || try == keepTries {
			return err
		}
	}
}

// Lease implements [writegate.Keeper].
func (db *DB) Lease(ctx context.Context, name, holder string, d time.Duration) (got bool, err error) {
	leases, name, holder := db.own+".writegate_leases", bytesLiteral(name), bytesLiteral(holder)
	const now = "CURRENT_TIMESTAMP(6)"
	err = db.keep(ctx, func(t *tx) error {
		t.do("INSERT INTO " + leases + " (name, holder, until) VALUES (" + join(name, holder, now) + ") ON DUPLICATE KEY UPDATE name = VALUES(name)")
		t.change("UPDATE "+leases+" SET holder = "+holder+", until = "+now+" + INTERVAL "+intLiteral(d.Microseconds())+" MICROSECOND WHERE name = "+name+" AND (holder = "+holder+" OR until <= "+now+")",
			func(n int64) error {
				got = n > 0
				return nil
			}, nil)
		return t.flush(ctx)
	})
	return got, err
}

// History implements [writegate.Keeper].
func (db *DB) History(ctx context.Context, clientID string, after int64, most int) (h writegate.History, err error) {
	is := " WHERE client_key = " + keyOf(clientID)
	err = db.keep(ctx, func(t *tx) error {
		h = writegate.History{}
		t.queue(func(rows *sql.Rows) error {
			h.Known = rows.Next()
			if !h.Known {
				return rows.Err()
			}
			return rows.Scan(&h.Subject, &h.LastOp, scanTime{&h.FirstSeen}, scanTime{&h.LastSeen})
		}, "SELECT subject, last_op, first_seen, last_seen FROM "+db.own+".writegate_clients"+is)
		t.queue(readRuns(clientID, &h.Runs), selectRuns(db.own)+is+fmt.Sprintf(" AND last_op > %d ORDER BY last_op, id LIMIT %d", after, most))
		return t.flush(ctx)
	})
	if err != nil || len(h.Runs) == 0 {
		return h, err
	}
	first := slices.MinFunc(h.Runs, func(a, b writegate.Run) int { return cmp.Compare(a.FirstOp, b.FirstOp) }).FirstOp
	err = db.keep(ctx, func(t *tx) error {
		h.Refusals = nil
		t.queue(readRefusals(clientID, &h.Refusals), selectRefusals(db.own)+is+fmt.Sprintf(" AND op_id BETWEEN %d AND %d ORDER BY op_id, at", first, h.Runs[len(h.Runs)-1].LastOp))
		return t.flush(ctx)
	})
	h.Refusals = slices.DeleteFunc(h.Refusals, func(f writegate.Refusal) bool {
		return !slices.ContainsFunc(h.Runs, func(r writegate.Run) bool { return r.FirstOp <= f.OpID && f.OpID <= r.LastOp })
	})
	return h, err
}
