// Command docgw speaks the wire protocol of MongoDB and keeps everything in PostgreSQL with the documentdb extension.
// It gives tests multi-document transactions that really commit and really undo, write conflicts, retryable writes
// and fail points, where no mongod can be had.
//
// It is not mongod, and a test that passes here says nothing about elections, read or write concerns, sharding, SCRAM,
// TLS or change streams, which it does not have. It differs in these ways from a mongod that a writer would notice:
// several statements in one insert, update or delete outside a transaction are one statement of PostgreSQL, and after
// a lost answer a retry applies them twice; texts of errors are documentdb's, while codes are MongoDB's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	postgres := flag.String("postgres", "", "URL of the PostgreSQL that has the documentdb extension")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(ctx, log, *listen, *postgres); err != nil {
		log.ErrorContext(ctx, "docgw ends", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx is done.
func run(ctx context.Context, log *slog.Logger, listen, postgres string) error {
	cfg, err := pgxpool.ParseConfig(postgres)
	if err != nil {
		return fmt.Errorf("the URL of PostgreSQL: %w", err)
	}
	cfg.MaxConns = 150
	cfg.ConnConfig.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer pool.Close()
	var version string
	if err := pool.QueryRow(ctx, "select extversion from pg_extension where extname = 'documentdb'").Scan(&version); err != nil {
		return fmt.Errorf("look for the documentdb extension: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	s := newServer(pool, listener.Addr().String(), "documentdb "+version)
	log.InfoContext(ctx, "docgw listens", "url", "mongodb://"+s.addr+"/?replicaSet="+setName, "engine", s.engine)
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go s.serve(ctx, log, conn)
	}
}
