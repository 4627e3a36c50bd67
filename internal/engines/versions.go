package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	_ "github.com/go-sql-driver/mysql"  // MySQL and MariaDB
	_ "github.com/jackc/pgx/v5/stdlib"  // Postgres
	_ "github.com/microsoft/go-mssqldb" // SQL Server
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// servers are what the tests know, by the variable that leads to each.
var servers = []struct {
	variable string
	version  func(ctx context.Context, dsn string) (string, error)
}{
	{"WRITEGATE_TEST_POSTGRES", ask("pgx", "select version()", "")},
	{"WRITEGATE_TEST_MYSQL", ask("mysql", "select version()", "MySQL ")},
	{"WRITEGATE_TEST_MARIADB", ask("mysql", "select version()", "MySQL ")},
	{"WRITEGATE_TEST_MONGODB", askMongoDB},
	{"WRITEGATE_TEST_SQLSERVER", ask("sqlserver", "select @@version", "")},
}

// versions prints a line for each variable that is set.
func versions(ctx context.Context, w io.Writer, getenv func(string) string) error {
	var errs []error
	for _, s := range servers {
		dsn := getenv(s.variable)
		if dsn == "" {
			continue
		}
		version, err := s.version(ctx, dsn)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s leads nowhere: %w", s.variable, err))
			continue
		}
		fmt.Fprintf(w, "%s is %s\n", s.variable, version)
	}
	return errors.Join(errs...)
}

// ask makes a question in SQL. The product goes before a version that doesn't name its own.
func ask(driver, question, product string) func(context.Context, string) (string, error) {
	return func(ctx context.Context, dsn string) (string, error) {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			return "", err
		}
		defer db.Close()
		var text string
		if err := db.QueryRowContext(ctx, question).Scan(&text); err != nil {
			return "", err
		}
		return headline(product, text), nil
	}
}

// headline shortens what a server says of itself to product and version.
func headline(product, text string) string {
	if number, ok := strings.CutSuffix(strings.SplitAfter(text, "-MariaDB")[0], "-MariaDB"); ok {
		return "MariaDB " + number
	}
	text, _, _ = strings.Cut(text, " (")
	text, _, _ = strings.Cut(text, " - ")
	text, _, _ = strings.Cut(text, "-")
	return product + text
}

// askMongoDB looks at buildInfo, in which gateways tell that they are not mongod.
func askMongoDB(ctx context.Context, dsn string) (string, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(dsn))
	if err != nil {
		return "", err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	var info struct {
		Version     string `bson:"version"`
		GatewayNote string `bson:"gatewayNote"`
	}
	if err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info); err != nil {
		return "", err
	}
	if info.GatewayNote != "" {
		return info.GatewayNote, nil
	}
	return "MongoDB " + info.Version, nil
}
