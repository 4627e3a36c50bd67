package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"writegate"
)

// ownPrefix begins the names of our own tables, which no configuration may name.
const ownPrefix = "writegate_"

// ownTables are created at open. Times are text as [timeText] writes them.
var ownTables = []string{
	`CREATE TABLE IF NOT EXISTS writegate_clients (
		client TEXT NOT NULL PRIMARY KEY,
		subject TEXT NOT NULL,
		last_op INTEGER NOT NULL,
		first_seen TEXT NOT NULL,
		last_seen TEXT NOT NULL
	) STRICT, WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS writegate_ledger (
		client TEXT NOT NULL,
		first_op INTEGER NOT NULL,
		last_op INTEGER NOT NULL,
		subject TEXT NOT NULL,
		settled_at TEXT NOT NULL,
		ops BLOB NOT NULL
	) STRICT`,
	`CREATE TABLE IF NOT EXISTS writegate_refusals (
		client TEXT NOT NULL,
		op_id INTEGER NOT NULL,
		fingerprint BLOB NOT NULL,
		subject TEXT NOT NULL,
		tx_id INTEGER NOT NULL,
		whole INTEGER NOT NULL,
		code TEXT NOT NULL,
		reason TEXT NOT NULL,
		message TEXT NOT NULL,
		table_name TEXT NOT NULL,
		column_name TEXT NOT NULL,
		revision TEXT NOT NULL,
		refused_at TEXT NOT NULL,
		PRIMARY KEY (client, op_id, fingerprint, subject)
	) STRICT, WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS writegate_dead_letters (
		id TEXT NOT NULL PRIMARY KEY,
		client TEXT NOT NULL,
		subject TEXT NOT NULL,
		tx_id INTEGER NOT NULL,
		first_op INTEGER NOT NULL,
		last_op INTEGER NOT NULL,
		op_index INTEGER NOT NULL,
		code TEXT NOT NULL,
		reason TEXT NOT NULL,
		message TEXT NOT NULL,
		table_name TEXT NOT NULL,
		column_name TEXT NOT NULL,
		revision TEXT NOT NULL,
		refused_at TEXT NOT NULL,
		seen INTEGER NOT NULL
	) STRICT`,
	`CREATE TABLE IF NOT EXISTS writegate_dead_letter_parts (
		id TEXT NOT NULL REFERENCES writegate_dead_letters (id) ON DELETE CASCADE,
		part INTEGER NOT NULL,
		body BLOB NOT NULL,
		PRIMARY KEY (id, part)
	) STRICT`,
	`CREATE TABLE IF NOT EXISTS writegate_checkpoints (
		subject TEXT NOT NULL,
		client TEXT NOT NULL,
		value INTEGER NOT NULL,
		PRIMARY KEY (subject, client)
	) STRICT, WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS writegate_links (
		client TEXT NOT NULL,
		table_name TEXT NOT NULL,
		row_id TEXT NOT NULL,
		base TEXT NOT NULL,
		made TEXT NOT NULL,
		updated_at TEXT NOT NULL,
		PRIMARY KEY (client, table_name, row_id)
	) STRICT, WITHOUT ROWID`,
	// What became of a dead letter. One that an older version has kept has no row here: it is open.
	`CREATE TABLE IF NOT EXISTS writegate_dead_letter_states (
		id TEXT NOT NULL PRIMARY KEY REFERENCES writegate_dead_letters (id) ON DELETE CASCADE,
		claims TEXT NOT NULL,
		last_seen TEXT NOT NULL,
		state TEXT NOT NULL,
		closed_by TEXT NOT NULL,
		note TEXT NOT NULL,
		closed_at TEXT
	) STRICT, WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS writegate_leases (
		name TEXT NOT NULL PRIMARY KEY,
		holder TEXT NOT NULL,
		until TEXT NOT NULL
	) STRICT, WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS writegate_blocked (
		client TEXT NOT NULL PRIMARY KEY,
		subject TEXT NOT NULL,
		since TEXT NOT NULL,
		last_try TEXT NOT NULL,
		tries INTEGER NOT NULL,
		code TEXT NOT NULL,
		reason TEXT NOT NULL,
		table_name TEXT NOT NULL
	) STRICT, WITHOUT ROWID`,
	// What all replicas have to agree on.
	`CREATE TABLE IF NOT EXISTS writegate_documents (
		name TEXT NOT NULL PRIMARY KEY,
		version INTEGER NOT NULL,
		body BLOB NOT NULL
	) STRICT, WITHOUT ROWID`,
}

var ownIndexes = []string{
	`CREATE INDEX IF NOT EXISTS writegate_ledger_by_client ON writegate_ledger (client, last_op)`,
	`CREATE INDEX IF NOT EXISTS writegate_ledger_by_time ON writegate_ledger (settled_at)`,
	`CREATE INDEX IF NOT EXISTS writegate_dead_letters_by_time ON writegate_dead_letters (refused_at)`,
	`CREATE INDEX IF NOT EXISTS writegate_dead_letters_by_subject ON writegate_dead_letters (subject)`,
	`CREATE INDEX IF NOT EXISTS writegate_dead_letter_states_by_time ON writegate_dead_letter_states (closed_at) WHERE closed_at IS NOT NULL`,
	`CREATE INDEX IF NOT EXISTS writegate_refusals_by_time ON writegate_refusals (refused_at)`,
	`CREATE INDEX IF NOT EXISTS writegate_links_by_time ON writegate_links (updated_at)`,
}

const (
	countOwnTables = `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('writegate_clients', 'writegate_ledger',
		'writegate_refusals', 'writegate_dead_letters', 'writegate_dead_letter_parts', 'writegate_checkpoints', 'writegate_links',
		'writegate_dead_letter_states', 'writegate_leases', 'writegate_blocked', 'writegate_documents')`
	nextCheckpoint = `INSERT INTO writegate_checkpoints (subject, client, value) VALUES (?, ?, 1)
		ON CONFLICT (subject, client) DO UPDATE SET value = value + 1 RETURNING value`
)

// DDL returns the statements that create our own tables, for review, as the sqlite3 shell runs them. [Open] then
// finds everything in place. A file knows no rights but those of the file system, so nothing has to be granted.
func DDL(Config) string {
	return "BEGIN;\n" + strings.Join(slices.Concat(ownTables, ownIndexes), ";\n") + ";\nCOMMIT;\n\n" +
		"-- Whoever runs writegate needs to read and write the file, and its folder for the files beside it.\n"
}

func forbidden() *writegate.Error {
	return &writegate.Error{
		Class: writegate.Operator, Code: writegate.Internal,
		Message: "The configuration forbids tables of writegate's own.",
	}
}

func (d *DB) migrate(ctx context.Context) error {
	if d.cfg.NoOwnTables || d.cfg.ReadOnly {
		return nil
	}
	return d.write(ctx, func(tx *sql.Tx) error {
		for _, statement := range slices.Concat(ownTables, ownIndexes) {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return classify(err)
			}
		}
		return nil
	})
}

// reserved tells names that belong to us or to SQLite.
func reserved(table string) bool {
	name := strings.ToLower(table)
	return strings.HasPrefix(name, ownPrefix) || strings.HasPrefix(name, "sqlite_")
}

func quote(identifier string) string {
	return `"` + strings.ReplaceAll(identifier, `"`, `""`) + `"`
}
