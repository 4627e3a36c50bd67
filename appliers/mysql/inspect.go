package mysql

import (
	"context"
	"slices"
	"strings"
	"time"

	"writegate"
	"writegate/internal/applier"
)

// ampleMegabytes is the max_allowed_packet that the largest row of a device fits, written in digits.
const ampleMegabytes = 64

// List names the tables and views that the login can see, as TableRef.Source names them, sorted. Those of the
// database of the DSN have no qualifier; when it names none, all databases are listed. Ours and the system's are left
// out.
func (db *DB) List(ctx context.Context) ([]string, error) {
	rows, err := db.pool.QueryContext(ctx, `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
		WHERE TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')`)
	if err != nil {
		return nil, classify(err)
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var schema, name string
		if err := rows.Scan(&schema, &name); err != nil {
			return nil, classify(err)
		}
		switch {
		case strings.HasPrefix(strings.ToLower(name), ownPrefix):
		case schema == db.server.base:
			names = append(names, name)
		case db.server.base == "":
			names = append(names, schema+"."+name)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, classify(err)
	}
	slices.Sort(names)
	return names, nil
}

// Inspect says what Schema does not refuse and an operator should know, sorted: settings of the server, missing
// grants, what is peculiar to tables, and the state of our own tables unless there are to be none. The tables must
// come from Schema. It writes nothing.
func (db *DB) Inspect(ctx context.Context, schema writegate.Schema) ([]writegate.Finding, error) {
	all, err := db.inspectServer(ctx)
	if err != nil {
		return nil, classify(err)
	}
	grants, err := db.grants(ctx)
	if err != nil {
		return nil, classify(err)
	}
	own, err := db.inspectOwn(ctx, grants)
	if err != nil {
		return nil, classify(err)
	}
	all = append(all, own...)
	for _, t := range schema {
		found, err := db.inspectTable(ctx, t, grants)
		if err != nil {
			return nil, classify(err)
		}
		all = append(all, found...)
	}
	applier.SortFindings(all)
	return all, nil
}

// variables are settings of the server by their lower-case names.
func (db *DB) variables(ctx context.Context, names ...string) (map[string]string, error) {
	for i := range names {
		names[i] = textLiteral(names[i])
	}
	rows, err := db.pool.QueryContext(ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ("+join(names...)+")")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	values := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		values[strings.ToLower(name)] = value
	}
	return values, rows.Err()
}

// inspectServer looks at what holds for every table.
func (db *DB) inspectServer(ctx context.Context) ([]writegate.Finding, error) {
	set, err := db.variables(ctx, "sql_mode", "read_only", "super_read_only", "innodb_read_only", "innodb_flush_log_at_trx_commit", "sync_binlog",
		"log_bin", "binlog_format", "binlog_row_image", "foreign_key_checks", "max_allowed_packet")
	if err != nil {
		return nil, err
	}
	var text string
	before := time.Now()
	if err := db.pool.QueryRowContext(ctx, "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)").Scan(&text); err != nil {
		return nil, err
	}
	now, err := time.Parse(ownTime, text)
	if err != nil {
		return nil, err
	}
	var all []writegate.Finding
	v := parseVersion(db.server.version)
	if !v.supported() {
		all = append(all, applier.Doubtful("%s is older than what writegate is tested with: MySQL 8.0 and MariaDB 10.6", v))
	}
	on := func(name string) bool { return set[name] == "ON" || set[name] == "1" }
	if on("read_only") || on("super_read_only") || on("innodb_read_only") {
		all = append(all, applier.Faulty("the server is read-only; connect to the primary"))
	}
	if !strings.Contains(set["sql_mode"], "STRICT_") {
		all = append(all, applier.Doubtful("the server's sql_mode is not strict: writegate's own sessions are, but what else writes here has values cut off in silence; add STRICT_TRANS_TABLES"))
	}
	if set["foreign_key_checks"] == "OFF" {
		all = append(all, applier.Doubtful("foreign_key_checks is off for the server: writegate's own sessions have it on, but what else writes here may leave rows without their parents"))
	}
	if set["innodb_flush_log_at_trx_commit"] != "1" || on("log_bin") && set["sync_binlog"] == "0" {
		all = append(all, applier.Doubtful("innodb_flush_log_at_trx_commit or sync_binlog is not 1, so a crash of the server loses writes that devices were told are done"))
	}
	if !on("log_bin") || set["binlog_format"] != "" && set["binlog_format"] != "ROW" || set["binlog_row_image"] != "" && set["binlog_row_image"] != "FULL" {
		all = append(all, applier.Doubtful("the binary log is not as a PowerSync service reads it: log_bin on, binlog_format=ROW, binlog_row_image=FULL"))
	}
	if db.server.packet < ampleMegabytes<<20 {
		all = append(all, applier.Doubtful("max_allowed_packet is %d bytes, and a row needs up to twice its size in one statement, or is refused; set it to %dM", db.server.packet, ampleMegabytes))
	}
	all = append(all, applier.Clocks(now, before, time.Now())...)
	return all, nil
}

// inspectOwn looks whether our own tables are there and may be used.
func (db *DB) inspectOwn(ctx context.Context, all grants) ([]writegate.Finding, error) {
	if db.cfg.NoOwnTables {
		return nil, nil
	}
	var found []writegate.Finding
	var lacks []string
	for _, p := range []string{"SELECT", "INSERT", "UPDATE", "DELETE"} {
		if !all.may(p, db.cfg.Schema, "writegate_clients", nil) {
			lacks = append(lacks, p)
		}
	}
	if lacks != nil {
		found = append(found, applier.Faulty("the login lacks grants on writegate's own tables in the database %s: %s; `writegate schema ddl` prints what to grant", db.cfg.Schema, strings.Join(lacks, ", ")))
	}
	done, err := db.stepsDone(ctx, db.pool)
	switch {
	case err != nil && classify(err).Class == writegate.Operator: // not even that may be read: said above
	case err != nil:
		return nil, err
	case done >= len(ddlSteps(db.cfg.Schema)):
	default:
		mayMake := all.may("CREATE", db.cfg.Schema, "writegate_clients", nil) && all.may("ALTER", db.cfg.Schema, "writegate_clients", nil)
		found = append(found, applier.OwnTablesMissing(mayMake))
	}
	return found, nil
}

// inspectTable looks at one table.
func (db *DB) inspectTable(ctx context.Context, t *writegate.Table, all grants) ([]writegate.Finding, error) {
	own := driverOf(t)
	var found []writegate.Finding
	add := func(column string, f writegate.Finding) {
		f.Table, f.Column = t.Name, column
		found = append(found, f)
	}
	if lacks := all.lacks(t); lacks != nil {
		add("", applier.Faulty("the login lacks grants on %s: %s", t.Source, strings.Join(lacks, ", ")))
	}
	if !own.lookedUp && !all.may("TRIGGER", own.schema, own.name, nil) {
		add("", applier.Doubtful("the login can't see the triggers of %s, so rows are read again after each write; grant TRIGGER on it", t.Source))
	}
	for _, c := range own.key {
		if !c.exact {
			add(c.name, applier.Doubtful("the key %s has a collation that takes different ids for the same: a row whose id differs from another's in such letters or in blanks at its end only is refused as UNIQUE_VIOLATION; use the collation %s", c.source, exactCollation(db.server.mariadb)))
		}
	}
	if v := parseVersion(db.server.version); v.mariadb || !v.since(9, 6) {
		return found, nil
	}
	passed, err := db.passedOver(ctx, own)
	for _, name := range passed {
		add("", applier.Doubtful("this version of MySQL passes over the foreign key %s when a later column of an index that begins with its columns is null; give the index another order", name))
	}
	return found, err
}

func exactCollation(mariadb bool) string {
	if mariadb {
		return "utf8mb4_nopad_bin"
	}
	return "utf8mb4_0900_bin"
}

// passedOver lists the foreign keys that MySQL 9.6 and newer do not check for every row: those of one column that begins
// an index with a nullable column behind it.
func (db *DB) passedOver(ctx context.Context, own *table) ([]string, error) {
	rows, err := db.pool.QueryContext(ctx, `SELECT DISTINCT k.CONSTRAINT_NAME FROM information_schema.KEY_COLUMN_USAGE k
		JOIN information_schema.STATISTICS a ON a.TABLE_SCHEMA = k.TABLE_SCHEMA AND a.TABLE_NAME = k.TABLE_NAME AND a.COLUMN_NAME = k.COLUMN_NAME AND a.SEQ_IN_INDEX = 1
		JOIN information_schema.STATISTICS b ON b.TABLE_SCHEMA = a.TABLE_SCHEMA AND b.TABLE_NAME = a.TABLE_NAME AND b.INDEX_NAME = a.INDEX_NAME AND b.SEQ_IN_INDEX > 1 AND b.NULLABLE = 'YES'
		WHERE k.TABLE_SCHEMA = `+textLiteral(own.schema)+` AND k.TABLE_NAME = `+textLiteral(own.name)+` AND k.REFERENCED_TABLE_NAME IS NOT NULL ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
