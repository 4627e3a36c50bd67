package sqlserver

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// server is what the database said of itself when it was opened.
type server struct {
	version, edition, babelfish string
	engine                      int
	level                       int // of compatibility
	snapshots                   bool
}

// Numbers of EngineEdition.
const (
	engineAzure   = 5
	engineManaged = 8
	engineFabric  = 12
)

// The database is found by its name: on Azure the numbers of DB_ID and sys.databases may differ.
const serverSQL = `SELECT COALESCE(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), N'') AS [writegate], COALESCE(CONVERT(nvarchar(128), SERVERPROPERTY('Edition')), N''),
	COALESCE(CONVERT(nvarchar(128), SERVERPROPERTY('BabelfishVersion')), N''), COALESCE(CONVERT(int, SERVERPROPERTY('EngineEdition')), 0),
	CONVERT(int, [d].[compatibility_level]), CASE WHEN [d].[snapshot_isolation_state] = 1 THEN 1 ELSE 0 END
FROM sys.databases AS [d] WHERE [d].[name] = DB_NAME()`

// leastLevel is the compatibility level that has OPENJSON.
const leastLevel = 130

// checkServer says early that a database is too old.
func (db *DB) checkServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout+db.cfg.StatementTimeout)
	defer cancel()
	s := &db.server
	b := &batch{}
	b.add(serverSQL)
	b.result(one(&s.version, &s.edition, &s.babelfish, &s.engine, &s.level, &s.snapshots))
	if err := b.run(ctx, db.pool); err != nil {
		return err
	}
	if s.level < leastLevel && s.babelfish == "" { // Babelfish says 120 and has it
		return misconfigured(fmt.Sprintf("the database has the compatibility level %d, and %d is needed: ALTER DATABASE CURRENT SET COMPATIBILITY_LEVEL = %d, or higher", s.level, leastLevel, leastLevel), nil)
	}
	return nil
}

// Version names the server as it names itself, with its version.
func (db *DB) Version(context.Context) (string, error) { return db.server.String(), nil }

// String names the server.
func (s server) String() string {
	switch {
	case s.babelfish != "":
		return "Babelfish " + s.babelfish + " (SQL Server " + s.version + ")"
	case s.engine == engineAzure:
		return "Azure SQL Database " + s.version
	case s.engine == engineManaged:
		return "Azure SQL Managed Instance " + s.version
	case s.engine == engineFabric:
		return "SQL database in Fabric " + s.version
	}
	major, _, _ := strings.Cut(s.version, ".")
	if number, err := strconv.Atoi(major); err == nil {
		if year := map[int]string{13: "2016", 14: "2017", 15: "2019", 16: "2022", 17: "2025"}[number]; year != "" {
			return "SQL Server " + year + " (" + s.version + ")"
		}
	}
	return "SQL Server " + s.version
}
