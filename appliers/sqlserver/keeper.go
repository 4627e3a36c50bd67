package sqlserver

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"writegate"
)

var _ writegate.Keeper = (*DB)(nil)

// keepTries bounds the races between those who make one row of ours at the same time.
const keepTries = 10

// keep sends a batch of statements of ours that is a transaction of its own, or each of them is. It is sent again where
// somebody else was in the way.
func (db *DB) keep(ctx context.Context, build func(b *batch)) error {
	if db.cfg.NoOwnTables {
		return misconfigured(errNoOwnTables.Error(), errNoOwnTables)
	}
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout+db.cfg.StatementTimeout)
	defer cancel()
	for try := 1; ; try++ {
		b := &batch{}
		b.add(sessionSettings(db.cfg.LockTimeout))
		build(b)
		err := b.run(ctx, db.pool)
		if err == nil {
			return nil
		}
		e := classify(err)
		if isDuplicate(err) { // somebody else made the row
			e = writegate.TryLater(err)
		}
		if e.Class != writegate.Rerun && !isDuplicate(err) || try == keepTries {
			return e
		}
	}
}

// Lease implements [writegate.Keeper].
func (db *DB) Lease(ctx context.Context, name, holder string, d time.Duration) (bool, error) {
	var got bool
	err := db.keep(ctx, func(b *batch) {
		leases, key, holderKey, holderText := db.own+".[writegate_leases]", b.hash(name), b.hash(holder), b.text(storable(holder))
		until := "DATEADD(millisecond, " + strconv.FormatInt(min(d.Milliseconds(), math.MaxInt32), 10) + ", SYSDATETIMEOFFSET())"
		b.add("DECLARE @got int")
		b.add("UPDATE "+leases+" WITH (ROWLOCK) SET [holder_key] = ", holderKey, ", [holder] = ", holderText, ", [until] = ", until,
			" WHERE [lease_key] = ", key, " AND ([holder_key] = ", holderKey, " OR [until] <= SYSDATETIMEOFFSET())")
		b.add("SET @got = @@ROWCOUNT")
		b.add("IF @got = 0\nBEGIN\nINSERT INTO "+leases+" ([lease_key], [name], [holder_key], [holder], [until])\nSELECT ", key, ", ", b.text(storable(name)), ", ", holderKey, ", ", holderText, ", ", until,
			" WHERE NOT EXISTS (SELECT 1 FROM "+leases+" WHERE [lease_key] = ", key, ")")
		b.add("SET @got = @@ROWCOUNT")
		b.add("END")
		b.add("SELECT @got AS [writegate]")
		b.result(one(&got))
	})
	return got, err
}

// Hints of what is read beside uploads: what one of them has just written is passed over, or read as it is.
const (
	passLocked = " WITH (READCOMMITTEDLOCK, READPAST)"
	asItIs     = " WITH (READUNCOMMITTED)"
)

// History implements [writegate.Keeper].
func (db *DB) History(ctx context.Context, clientID string, after int64, most int) (h writegate.History, err error) {
	err = db.keep(ctx, func(b *batch) {
		h = writegate.History{}
		is := " WHERE [client_key] = " + b.hash(clientID)
		b.add("SELECT [subject] AS [writegate], [last_op], [first_seen], [last_seen] FROM "+db.own+".[writegate_clients]"+asItIs, is)
		b.result(each(func() error {
			h.Known, h.FirstSeen, h.LastSeen = true, h.FirstSeen.UTC(), h.LastSeen.UTC()
			return nil
		}, &h.Subject, &h.LastOp, &h.FirstSeen, &h.LastSeen))
		b.add(runsSQL(db.own, passLocked), is, " AND [last_op] > ", b.value(after), " ORDER BY [last_op], [id] OFFSET 0 ROWS FETCH NEXT ", b.value(int64(most)), " ROWS ONLY")
		b.result(readRuns(clientID, &h.Runs))
	})
	if err != nil || len(h.Runs) == 0 {
		return h, err
	}
	first := slices.MinFunc(h.Runs, func(a, b writegate.Run) int { return cmp.Compare(a.FirstOp, b.FirstOp) }).FirstOp
	err = db.keep(ctx, func(b *batch) {
		h.Refusals = nil
		b.add(refusalsSQL(db.own, passLocked), " WHERE [client_key] = ", b.hash(clientID), " AND [op_id] BETWEEN ", b.value(first), " AND ", b.value(h.Runs[len(h.Runs)-1].LastOp), " ORDER BY [op_id], [at]")
		b.result(readRefusals(clientID, &h.Refusals))
	})
	h.Refusals = slices.DeleteFunc(h.Refusals, func(f writegate.Refusal) bool {
		return !slices.ContainsFunc(h.Runs, func(r writegate.Run) bool { return r.FirstOp <= f.OpID && f.OpID <= r.LastOp })
	})
	return h, err
}
