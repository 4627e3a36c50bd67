package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
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
	without := func(table string) string { // NOT EXISTS would have MySQL copy the whole table first
		return " AND (SELECT 1 FROM " + db.own + "." + table + " AS x WHERE x.client_key = writegate_clients.client_key LIMIT 1) IS NULL"
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

// prune removes the oldest rows of one kind, some at a time.
func (db *DB) prune(ctx context.Context, a *aging, most int) error {
	if a.before.IsZero() && !db.cfg.NoOwnTables {
		return nil
	}
	var keys []string
	err := db.keep(ctx, func(t *tx) error {
		keys = nil
		t.queue(readKeys(a.key, &keys), a.keys(db.own)+" FORCE INDEX ("+a.index+") WHERE "+a.old()+" ORDER BY "+a.age+" LIMIT "+strconv.Itoa(most))
		return t.flush(ctx)
	})
	if err != nil {
		return err
	}
	for part := range slices.Chunk(keys, a.atOnce) {
		gone, err := db.pruneStep(ctx, a, part)
		if *a.count += gone; err != nil {
			return err
		}
	}
	return nil
}

func (a *aging) keys(own string) string {
	return "SELECT " + join(a.key...) + " FROM " + own + "." + a.table
}

func (a *aging) old() string { return a.age + " < " + timeLiteral(a.before) }

// pruneStep removes rows that may go. What an upload has locked is left for the next time, so that nothing is waited for
// while the locks of other rows are held.
func (db *DB) pruneStep(ctx context.Context, a *aging, keys []string) (gone int, err error) {
	err = db.keep(ctx, func(t *tx) error {
		var locked []string
		gone = 0
		t.queue(readKeys(a.key, &locked), a.keys(db.own)+" FORCE INDEX (PRIMARY) WHERE ("+strings.Join(keys, " OR ")+") AND "+a.old()+a.where+" FOR UPDATE SKIP LOCKED")
		if err := t.flush(ctx); err != nil || len(locked) == 0 {
			return err
		}
		t.change("DELETE FROM "+db.own+"."+a.table+" WHERE ("+strings.Join(locked, " OR ")+")"+a.where, func(n int64) error {
			gone = int(n)
			return nil
		}, nil)
		return t.flush(ctx)
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
