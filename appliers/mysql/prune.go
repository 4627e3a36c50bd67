package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"writegate"
)

// pruneRows and pruneLetters are how many rows go at a time. A letter may be as large as a body.
const (
	pruneRows    = 100
	pruneLetters = 10
)

// aging is one kind of what is pruned.
type aging struct {
	table  string
	key    []string
	age    string
	index  string // over the age
	before time.Time
	where  string // what else has to hold, still when the row is locked
	atOnce int
	count  *int
}

// Prune implements [writegate.Keeper].
func (db *DB) Prune(ctx context.Context, before writegate.Expiry, most int) (writegate.Pruned, error) {
	var gone writegate.Pruned
	without := func(table string) string {
		return " AND NOT EXISTS (SELECT 1 FROM " + db.own + "." + table + " AS x WHERE x.client_key = writegate_clients.client_key)"
	}
	for _, a := range []aging{
		{"writegate_ledger", []string{"id"}, "settled_at", "writegate_ledger_age", before.Ledger, "", pruneRows, &gone.Runs},
		{"writegate_refusals", []string{"client_key", "op_id", "fingerprint", "subject_key"}, "at", "writegate_refusals_age", before.Ledger, "", pruneRows, &gone.Refusals},
		{"writegate_links", []string{"client_key", "table_name", "row_id"}, "updated_at", "writegate_links_age", before.Ledger, "", pruneRows, &gone.Links},
		{"writegate_clients", []string{"client_key"}, "last_seen", "writegate_clients_age", before.Ledger, without("writegate_ledger") + without("writegate_refusals") + without("writegate_links"), pruneRows, &gone.Clients},
		{"writegate_dead_letters", []string{"id"}, "closed_at", "writegate_dead_letters_closed", before.Letters, "", pruneLetters, &gone.Letters},
		{"writegate_blocked", []string{"client_key"}, "last_try", "writegate_blocked_age", before.Blocked, "", pruneRows, &gone.Blocked},
	} {
		if err := db.prune(ctx, &a, most); err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// prune removes rows of one kind in steps, until there are as many as wanted or no more.
func (db *DB) prune(ctx context.Context, a *aging, most int) error {
	if a.before.IsZero() && !db.cfg.NoOwnTables {
		return nil
	}
	for *a.count < most {
		n := min(a.atOnce, most-*a.count)
		gone, err := db.pruneStep(ctx, a, n)
		if *a.count += gone; err != nil || gone < n {
			return err
		}
	}
	return nil
}

// pruneStep removes the oldest rows. What an upload has locked is left for the next time, so that nothing is waited for
// while the locks of other rows are held.
func (db *DB) pruneStep(ctx context.Context, a *aging, n int) (gone int, err error) {
	table := db.own + "." + a.table
	err = db.keep(ctx, func(t *tx) error {
		var keys []string
		t.queue(readKeys(a.key, &keys), "SELECT "+join(a.key...)+" FROM "+table+" FORCE INDEX ("+a.index+") WHERE "+a.age+" < "+timeLiteral(a.before)+a.where+
			" ORDER BY "+a.age+" LIMIT "+strconv.Itoa(n)+" FOR UPDATE SKIP LOCKED")
		if err := t.flush(ctx); err != nil || len(keys) == 0 {
			return err
		}
		t.change("DELETE FROM "+table+" WHERE ("+strings.Join(keys, " OR ")+")"+a.where, func(n int64) error {
			gone = int(n)
			return nil
		}, nil)
		return nil
	})
	return gone, err
}

// readKeys makes conditions of the keys of rows.
func readKeys(columns []string, into *[]string) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		values := make([]any, len(columns))
		pointers := make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		types, err := rows.ColumnTypes()
		if err != nil {
			return err
		}
		for rows.Next() {
			if err := rows.Scan(pointers...); err != nil {
				return err
			}
			is := make([]string, len(columns))
			for i, v := range values {
				is[i] = columns[i] + " = " + keyLiteral(v, types[i])
			}
			*into = append(*into, "("+strings.Join(is, " AND ")+")")
		}
		return rows.Err()
	}
}

func keyLiteral(v any, typ *sql.ColumnType) string {
	text, ok := v.([]byte)
	switch {
	case !ok:
		return fmt.Sprint(v)
	case typ.DatabaseTypeName() == "VARCHAR":
		return ownText(string(text))
	}
	return bytesLiteral(string(text))
}
