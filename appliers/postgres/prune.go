package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"writegate"
)

// pruneStep bounds the rows of one statement that prunes, each of which is a transaction.
const pruneStep = 500

// pruned is a table, its key, and which of its rows t are from before $1, where {own} is the schema.
type pruned struct{ table, key, old string }

var (
	prunedRuns     = pruned{"ledger", "id", "settled_at < $1 order by settled_at"}
	prunedRefusals = pruned{"refusals", "client_id, op_id, fingerprint, subject", "at < $1 order by at"}
	prunedLinks    = pruned{"links", "client_id, table_name, row_id", "updated_at < $1 order by updated_at"}
	prunedClients  = pruned{"clients", "client_id", `last_seen < $1
		and not exists (select from {own}.writegate_ledger as l where l.client_id = t.client_id)
		and not exists (select from {own}.writegate_refusals as r where r.client_id = t.client_id)
		and not exists (select from {own}.writegate_links as k where k.client_id = t.client_id)`}
	prunedLetters = pruned{"dead_letters", "id", "state <> 'open' and closed_at < $1 order by closed_at"}
	prunedBlocked = pruned{"blocked", "client_id", "last_try < $1"}
)

// sql deletes $2 old rows at most, none of those that somebody else has locked. An upload that locks a device meanwhile
// makes it younger, so that it stays; one that finds the row of its device gone inserts it again.
func (p pruned) sql(own string) string {
	var same []string
	for column := range strings.SplitSeq(p.key, ", ") {
		same = append(same, "d."+column+" = old."+column)
	}
	table := own + ".writegate_" + p.table
	return "with old as materialized (select " + p.key + " from " + table + " as t where " + strings.ReplaceAll(p.old, "{own}", own) + " limit $2 for update of t skip locked)" +
		" delete from " + table + " as d using old where " + strings.Join(same, " and ")
}

// Prune implements [writegate.Keeper].
func (db *DB) Prune(ctx context.Context, before writegate.Expiry, most int) (writegate.Pruned, error) {
	var p writegate.Pruned
	for _, kind := range []struct {
		pruned
		before time.Time
		count  *int
	}{
		{prunedRuns, before.Ledger, &p.Runs},
		{prunedRefusals, before.Ledger, &p.Refusals},
		{prunedLinks, before.Ledger, &p.Links},
		{prunedClients, before.Ledger, &p.Clients},
		{prunedLetters, before.Letters, &p.Letters},
		{prunedBlocked, before.Blocked, &p.Blocked},
	} {
		if kind.before.IsZero() {
			continue
		}
		for *kind.count < most {
			step := min(pruneStep, most-*kind.count)
			n, err := db.keep(ctx, kind.sql(db.own), kind.before.UTC(), step)
			if err != nil {
				return p, fmt.Errorf("pruning %s: %w", kind.table, err)
			}
			if *kind.count += n; n < step {
				break
			}
		}
	}
	return p, nil
}
