package postgres

import (
	"context"
	"regexp"
)

// versionEnd is where the server goes on about its build.
var versionEnd = regexp.MustCompile(` \(| on |,`)

// Version is what the server calls itself, such as PostgreSQL 17.2.
func (db *DB) Version(ctx context.Context) (string, error) {
	var text string
	if err := db.pool.QueryRow(ctx, "select pg_catalog.version()").Scan(&text); err != nil {
		return "", classify(err)
	}
	return versionEnd.Split(text, 2)[0], nil
}
