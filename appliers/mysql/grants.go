package mysql

import "context"

// seesTriggers returns a function that tells tables whose triggers the login can see. The server hides those of
// others from it, without a word.
func (db *DB) seesTriggers(ctx context.Context) (func(schema, table string) bool, error) {
	return func(string, string) bool { return true }, nil
}
