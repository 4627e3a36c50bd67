package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"writegate"
)

var _ writegate.Keeper = (*DB)(nil)

// keep changes our own tables with one statement, and returns how many rows.
func (db *DB) keep(ctx context.Context, sql string, args ...any) (int, error) {
	if db.cfg.NoOwnTables {
		return 0, misconfigured(errNoOwnTables.Error(), errNoOwnTables)
	}
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout+db.cfg.StatementTimeout)
	defer cancel()
	tag, err := db.pool.Exec(ctx, sql, args...)
	if err != nil {
		return 0, classify(err)
	}
	return int(tag.RowsAffected()), nil
}

// look reads our own tables with one statement.
func look[T any](ctx context.Context, db *DB, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	if db.cfg.NoOwnTables {
		return nil, misconfigured(errNoOwnTables.Error(), errNoOwnTables)
	}
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout+db.cfg.StatementTimeout)
	defer cancel()
	rows, _ := db.pool.Query(ctx, sql, args...) // CollectRows has the error
	found, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, classify(err)
	}
	return found, nil
}

// Lease implements [writegate.Keeper].
func (db *DB) Lease(ctx context.Context, name, holder string, last time.Duration) (bool, error) {
	n, err := db.keep(ctx, "insert into "+db.own+".writegate_leases as l (name, holder, until) values ($1, $2, now() + make_interval(secs => $3))"+
		" on conflict (name) do update set holder = excluded.holder, until = excluded.until where l.holder = excluded.holder or l.until <= now()",
		storable(name), storable(holder), last.Seconds())
	return n > 0, err
}

// History implements [writegate.Keeper].
func (db *DB) History(ctx context.Context, clientID string, after int64, most int) (writegate.History, error) {
	h, client := writegate.History{}, storable(clientID)
	device, err := look(ctx, db, scanDevice, "select subject, last_op, first_seen, last_seen from "+db.own+".writegate_clients where client_id = $1", client)
	if err != nil {
		return h, err
	}
	if len(device) > 0 {
		h = device[0]
	}
	h.Runs, err = look(ctx, db, scanRun, "select "+runColumns+" from "+db.own+".writegate_ledger where client_id = $1 and last_op > $2 order by last_op, id limit $3", client, after, most)
	if err != nil || len(h.Runs) == 0 {
		return h, err
	}
	first, last := h.Runs[0].FirstOp, h.Runs[0].LastOp
	for _, r := range h.Runs {
		first, last = min(first, r.FirstOp), max(last, r.LastOp)
	}
	h.Refusals, err = look(ctx, db, scanRefusal, "select "+refusalColumns+" from "+db.own+".writegate_refusals where client_id = $1 and op_id between $2 and $3 order by op_id", client, first, last)
	return h, err
}

func scanDevice(row pgx.CollectableRow) (writegate.History, error) {
	h := writegate.History{Known: true}
	err := row.Scan(&h.Subject, &h.LastOp, &h.FirstSeen, &h.LastSeen)
	h.FirstSeen, h.LastSeen = h.FirstSeen.UTC(), h.LastSeen.UTC()
	return h, err
}

// Block implements [writegate.Keeper]. Its rows are in the order of their keys, so that two replicas don't wait for each
// other in a circle.
func (db *DB) Block(ctx context.Context, devices []writegate.Blocked) error {
	if len(devices) == 0 {
		return nil
	}
	devices = eachOnce(devices)
	clients, subjects, codes, reasons, tables := make([]string, len(devices)), make([]string, len(devices)), make([]string, len(devices)), make([]string, len(devices)), make([]string, len(devices))
	since, last, tries := make([]time.Time, len(devices)), make([]time.Time, len(devices)), make([]int64, len(devices))
	for i, b := range devices {
		clients[i], subjects[i], codes[i], reasons[i], tables[i] = storable(b.ClientID), storable(b.Subject), string(b.Code), storable(b.Reason), storable(b.Table)
		since[i], last[i], tries[i] = b.Since.UTC(), b.LastTry.UTC(), int64(b.Tries)
	}
	_, err := db.keep(ctx, "insert into "+db.own+".writegate_blocked as b (client_id, subject, since, last_try, tries, code, reason, table_name)"+
		" select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::text[], $7::text[], $8::text[])"+
		" on conflict (client_id) do update set subject = excluded.subject, last_try = excluded.last_try, tries = b.tries + excluded.tries,"+
		" code = excluded.code, reason = excluded.reason, table_name = excluded.table_name",
		clients, subjects, since, last, tries, codes, reasons, tables)
	return err
}

// eachOnce sorts devices and makes one of those of the same id, as if they had been told of one after the other: a statement
// writes to a row once.
func eachOnce(devices []writegate.Blocked) (out []writegate.Blocked) {
	devices = slices.SortedStableFunc(slices.Values(devices), func(a, b writegate.Blocked) int { return cmp.Compare(storable(a.ClientID), storable(b.ClientID)) })
	for _, d := range devices {
		if n := len(out); n > 0 && storable(out[n-1].ClientID) == storable(d.ClientID) {
			d.Since, d.Tries = out[n-1].Since, out[n-1].Tries+d.Tries
			out[n-1] = d
			continue
		}
		out = append(out, d)
	}
	return out
}

// Unblock implements [writegate.Keeper].
func (db *DB) Unblock(ctx context.Context, clientIDs []string) error {
	ids := make([]string, len(clientIDs))
	for i, id := range clientIDs {
		ids[i] = storable(id)
	}
	_, err := db.keep(ctx, "delete from "+db.own+".writegate_blocked where client_id = any($1::text[])", ids)
	return err
}

// Blocked implements [writegate.Keeper].
func (db *DB) Blocked(ctx context.Context, most int) ([]writegate.Blocked, error) {
	return look(ctx, db, func(row pgx.CollectableRow) (b writegate.Blocked, err error) {
		err = row.Scan(&b.ClientID, &b.Subject, &b.Since, &b.LastTry, &b.Tries, &b.Code, &b.Reason, &b.Table)
		b.Since, b.LastTry = b.Since.UTC(), b.LastTry.UTC()
		return b, err
	}, "select client_id, subject, since, last_try, tries, code, reason, table_name from "+db.own+`.writegate_blocked order by since, client_id collate "C" limit $1`, most)
}
