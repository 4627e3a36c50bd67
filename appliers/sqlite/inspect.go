package sqlite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"writegate"
	"writegate/internal/applier"
)

// Inspect says what Schema does not refuse and an operator should know, sorted: who may read and write the file,
// how it is journaled, foreign keys that are broken already, and whether our own tables are there unless there are
// to be none. The tables must come from Schema. It writes nothing.
func (d *DB) Inspect(ctx context.Context, schema writegate.Schema) ([]writegate.Finding, error) {
	if d.closed.Load() {
		return nil, writegate.TryLater(errClosed)
	}
	all := inspectFile(d.cfg.Path)
	var journal string
	if err := d.reader.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&journal); err != nil {
		return nil, classify(err)
	}
	if journal != "wal" {
		all = append(all, applier.Doubtful("the journal mode is %s; serve turns it to wal for good, which a file on a network share can't have", journal))
	}
	var own int
	if err := d.reader.QueryRowContext(ctx, countOwnTables).Scan(&own); err != nil {
		return nil, classify(err)
	}
	if own != len(ownTables) && !d.cfg.NoOwnTables {
		all = append(all, applier.OwnTablesMissing(true))
	}
	for _, name := range slices.Sorted(maps.Keys(schema)) {
		found, err := d.inspectReferences(ctx, schema[name])
		if err != nil {
			return nil, classify(err)
		}
		all = append(all, found...)
	}
	applier.SortFindings(all)
	return all, nil
}

// inspectFile looks at the rights of the file. What can't be seen is not judged.
func inspectFile(path string) []writegate.Finding {
	var all []writegate.Finding
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		all = append(all, applier.Doubtful("others on this machine may open the file, its mode is %#o; chmod 600", info.Mode().Perm()))
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrPermission) {
		return append(all, applier.Faulty("this user may not write the file; change its owner or its mode"))
	}
	if err == nil {
		_ = f.Close() // nothing was written
	}
	return all
}

// inspectReferences looks at the foreign keys of a table. SQLite takes any that is declared, and any row while
// they are switched off.
func (d *DB) inspectReferences(ctx context.Context, t *writegate.Table) ([]writegate.Finding, error) {
	var broken int
	err := d.reader.QueryRowContext(ctx, `SELECT count(*) FROM pragma_foreign_key_check(?)`, t.Source).Scan(&broken)
	if resultCode(err)&0xff == codeError {
		return []writegate.Finding{{Fault: true, Table: t.Name, Message: "a foreign key refers to what is no unique key of its table, so SQLite refuses every write; mend its declaration"}}, nil
	}
	if err != nil || broken == 0 {
		return nil, err
	}
	return []writegate.Finding{{Table: t.Name, Message: fmt.Sprintf("%d of its references lead to rows that are not there, from when foreign keys were switched off; writes that touch them are refused", broken)}}, nil
}
