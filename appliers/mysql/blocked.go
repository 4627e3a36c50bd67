package mysql

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"writegate"
)

// Block implements [writegate.Keeper].
func (db *DB) Block(ctx context.Context, devices []writegate.Blocked) error {
	devices = slices.SortedStableFunc(slices.Values(devices), func(a, b writegate.Blocked) int { return strings.Compare(keyOf(a.ClientID), keyOf(b.ClientID)) })
	return db.keep(ctx, func(t *tx) error {
		for part := range slices.Chunk(devices, mostRows) {
			values := make([]string, len(part))
			for i := range part {
				d := &part[i]
				values[i] = "(" + join(keyOf(d.ClientID), ownText(d.ClientID), ownText(d.Subject), timeLiteral(d.Since), timeLiteral(d.LastTry), strconv.Itoa(d.Tries),
					ownText(string(d.Code)), ownText(d.Reason), ownText(d.Table)) + ")"
			}
			t.do("INSERT INTO " + db.own + ".writegate_blocked (client_key, client_id, subject, since, last_try, tries, code, reason, table_name) VALUES " + strings.Join(values, ", ") +
				" ON DUPLICATE KEY UPDATE subject = VALUES(subject), last_try = VALUES(last_try), tries = tries + VALUES(tries), code = VALUES(code), reason = VALUES(reason), table_name = VALUES(table_name)")
		}
		return t.flush(ctx)
	})
}

// Unblock implements [writegate.Keeper].
func (db *DB) Unblock(ctx context.Context, clientIDs []string) error {
	keys := make([]string, len(clientIDs))
	for i, id := range clientIDs {
		keys[i] = keyOf(id)
	}
	slices.Sort(keys) // the order of all who lock some of these rows
	return db.keep(ctx, func(t *tx) error {
		for part := range slices.Chunk(keys, mostRows) {
			t.do("DELETE FROM " + db.own + ".writegate_blocked WHERE client_key IN (" + join(part...) + ")")
		}
		return t.flush(ctx)
	})
}

// Blocked implements [writegate.Keeper].
func (db *DB) Blocked(ctx context.Context, most int) (found []writegate.Blocked, err error) {
	err = db.keep(ctx, func(t *tx) error {
		found = nil
		t.queue(func(rows *sql.Rows) error {
			for rows.Next() {
				var d writegate.Blocked
				if err := rows.Scan(&d.ClientID, &d.Subject, scanTime{&d.Since}, scanTime{&d.LastTry}, &d.Tries, &d.Code, &d.Reason, &d.Table); err != nil {
					return err
				}
				found = append(found, d)
			}
			return rows.Err()
		}, "SELECT client_id, subject, since, last_try, tries, code, reason, table_name FROM "+db.own+".writegate_blocked ORDER BY since, client_id LIMIT "+strconv.Itoa(most))
		return t.flush(ctx)
	})
	return found, err
}
