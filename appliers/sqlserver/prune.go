package sqlserver

import (
	"context"
	"time"

	"writegate"
)

// pruneRows and pruneLetters are how many rows go in one statement: so few that the server never locks a whole table for
// them. A letter may be as large as a body.
const (
	pruneRows    = 100
	pruneLetters = 10
)

// aging is one kind of what is pruned.
type aging struct {
	table, age string
	before     time.Time
	where      string // what else has to hold
	atOnce     int
	count      *int
}

// Prune implements [writegate.Keeper].
func (db *DB) Prune(ctx context.Context, before writegate.Expiry, most int) (writegate.Pruned, error) {
	var gone writegate.Pruned
	if db.cfg.NoOwnTables {
		return gone, misconfigured(errNoOwnTables.Error(), errNoOwnTables)
	}
	without := func(table string) string {
		return "\n\tAND NOT EXISTS (SELECT 1 FROM " + db.own + ".[" + table + "] AS [x]" + passLocked + " WHERE [x].[client_key] = [a].[client_key])"
	}
	idle := without("writegate_ledger") + without("writegate_refusals") + without("writegate_links") + "\nOPTION (LOOP JOIN)"
	for _, a := range []aging{
		{"[writegate_ledger]", "[settled_at]", before.Ledger, "", pruneRows, &gone.Runs},
		{"[writegate_refusals]", "[at]", before.Ledger, "", pruneRows, &gone.Refusals},
		{"[writegate_links]", "[updated_at]", before.Ledger, "", pruneRows, &gone.Links},
		{"[writegate_clients]", "[last_seen]", before.Ledger, idle, pruneRows, &gone.Clients},
		{"[writegate_dead_letters]", "[closed_at]", before.Letters, "", pruneLetters, &gone.Letters},
		{"[writegate_blocked]", "[last_try]", before.Blocked, "", pruneRows, &gone.Blocked},
	} {
		if a.before.IsZero() {
			continue
		}
		if err := db.prune(ctx, &a, most); err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// prune removes rows of one kind, some in a statement, until there are as many as wanted or no more. What an upload has locked
// is left for the next time.
func (db *DB) prune(ctx context.Context, a *aging, most int) error {
	for *a.count < most {
		n, gone := min(a.atOnce, most-*a.count), 0
		err := db.keep(ctx, func(b *batch) {
			b.add("DELETE TOP (", b.value(int64(n)), ") [a] FROM "+db.own+"."+a.table+" AS [a] WITH (ROWLOCK, READCOMMITTEDLOCK, READPAST)\nWHERE [a]."+a.age+" < ", b.value(a.before.UTC()), a.where)
			b.add("SELECT @@ROWCOUNT AS [writegate]")
			b.result(one(&gone))
		})
		if *a.count += gone; err != nil || gone < n {
			return err
		}
	}
	return nil
}
