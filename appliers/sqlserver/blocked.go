package sqlserver

import (
	"context"
	"slices"
	"strings"

	"writegate"
)

// blockedAtOnce are how many devices travel in one batch.
const blockedAtOnce = 100

// Block implements [writegate.Keeper].
func (db *DB) Block(ctx context.Context, devices []writegate.Blocked) error {
	devices = slices.SortedStableFunc(slices.Values(devices), func(a, b writegate.Blocked) int { return strings.Compare(a.ClientID, b.ClientID) })
	for part := range slices.Chunk(devices, blockedAtOnce) {
		err := db.keep(ctx, func(b *batch) {
			b.add("BEGIN TRANSACTION")
			for i := range part {
				b.block(db.own+".[writegate_blocked]", &part[i])
			}
			b.add("COMMIT TRANSACTION")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) block(table string, d *writegate.Blocked) {
	key, subject, last, tries := b.hash(d.ClientID), b.text(storable(d.Subject)), b.value(instant(d.LastTry)), b.value(int64(d.Tries))
	code, reason, name := b.text(string(d.Code)), b.text(storable(d.Reason)), b.text(storable(d.Table))
	b.add("UPDATE "+table+" WITH (ROWLOCK) SET [subject] = ", subject, ", [last_try] = ", last, ", [tries] = [tries] + ", tries, ", [code] = ", code, ", [reason] = ", reason, ", [table_name] = ", name,
		" WHERE [client_key] = ", key)
	b.add("IF @@ROWCOUNT = 0 INSERT INTO "+table+" ([client_key], [client_id], [subject], [since], [last_try], [tries], [code], [reason], [table_name]) VALUES (",
		strings.Join([]string{key, b.text(storable(d.ClientID)), subject, b.value(instant(d.Since)), last, tries, code, reason, name}, ", "), ")")
}

// Unblock implements [writegate.Keeper].
func (db *DB) Unblock(ctx context.Context, clientIDs []string) error {
	for part := range slices.Chunk(slices.Sorted(slices.Values(clientIDs)), blockedAtOnce) {
		err := db.keep(ctx, func(b *batch) {
			for _, id := range part {
				b.add("DELETE FROM "+db.own+".[writegate_blocked] WITH (ROWLOCK) WHERE [client_key] = ", b.hash(id))
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Blocked implements [writegate.Keeper].
func (db *DB) Blocked(ctx context.Context, most int) ([]writegate.Blocked, error) {
	var found []writegate.Blocked
	err := db.keep(ctx, func(b *batch) {
		found = nil
		b.add("SELECT [client_id] AS [writegate], [subject], [since], [last_try], [tries], [code], [reason], [table_name] FROM "+db.own+".[writegate_blocked]"+
			" ORDER BY [since], [client_id] COLLATE Latin1_General_BIN2 OFFSET 0 ROWS FETCH NEXT ", b.value(int64(most)), " ROWS ONLY")
		var d writegate.Blocked
		b.result(each(func() error {
			device := d
			device.Since, device.LastTry = d.Since.UTC(), d.LastTry.UTC()
			found = append(found, device)
			return nil
		}, &d.ClientID, &d.Subject, &d.Since, &d.LastTry, &d.Tries, &d.Code, &d.Reason, &d.Table))
	})
	return found, err
}
