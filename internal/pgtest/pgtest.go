// Package pgtest gives tests a Postgres database of their own on the server that WRITEGATE_TEST_POSTGRES names.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"writegate/internal/testserver"
)

// Variable is the environment variable with the URL of the test server.
const Variable = "WRITEGATE_TEST_POSTGRES"

var databases atomic.Int64

// Fresh makes an empty database, dropped after the test, and returns its URL. Without a server the test is
// skipped, and fails where WRITEGATE_TEST_ALL is 1.
func Fresh(t testing.TB) string {
	t.Helper()
	admin := testserver.Named(t, Variable)
	u, err := url.Parse(admin)
	if err != nil || u.Scheme == "" {
		t.Fatal(Variable + " is not a URL") // which may have a password in it
	}
	name := fmt.Sprintf("writegate_test_%d_%d", os.Getpid(), databases.Add(1))
	run(t, admin, "create database "+name)
	t.Cleanup(func() { run(t, admin, "drop database "+name+" with (force)") })
	u.Path = "/" + name
	return u.String()
}

func run(t testing.TB, dsn, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}
