// Package mysqltest gives tests a database of their own on a server of MySQL or MariaDB.
package mysqltest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"writegate/internal/testserver"
)

var databases atomic.Int64

// Fresh makes two empty databases on the server that an environment variable leads to, such as
// WRITEGATE_TEST_MARIADB, both dropped after the test, and returns how to connect to the first. The second has its
// name with _own behind it. Without a server the test is skipped, and fails where WRITEGATE_TEST_ALL is 1.
func Fresh(t testing.TB, variable string) *mysql.Config {
	t.Helper()
	server := testserver.Named(t, variable)
	cfg, err := mysql.ParseDSN(server)
	if err != nil {
		t.Fatal(variable + " is not a DSN") // which may have a password in it
	}
	name := fmt.Sprintf("writegate_test_%d_%d", os.Getpid(), databases.Add(1))
	for _, database := range []string{name, name + "_own"} {
		run(t, server, "CREATE DATABASE "+database+" CHARACTER SET utf8mb4")
		t.Cleanup(func() { run(t, server, "DROP DATABASE "+database) })
	}
	cfg.DBName = name
	return cfg
}

func run(t testing.TB, dsn, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}
