package breaker

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"writegate/internal/privateserver"
)

// relational is what Postgres and MySQL have in common.
type relational struct {
	name, config string
	server       *privateserver.Server
	// root may do all, side is the database of the app, seen by its owner.
	root, side *sql.DB
	wire       *wire
	ddl        []string
	faults     []Fault
}

func (s *relational) Name() string    { return s.name }
func (s *relational) Config() string  { return s.config }
func (s *relational) Faults() []Fault { return append([]Fault(nil), s.faults...) }

func (s *relational) Close() {
	s.wire.close()
	s.side.Close()
	s.root.Close()
}

func (s *relational) Prepare(ctx context.Context, w *world) error {
	statements := s.ddl
	for _, table := range tables {
		for _, row := range w.rows[table] {
			var columns, values []string
			for column, value := range row {
				columns, values = append(columns, column), append(values, "'"+value+"'")
			}
			statements = append(statements, fmt.Sprintf("insert into %s (%s) values (%s)", table, strings.Join(columns, ", "), strings.Join(values, ", ")))
		}
	}
	return execs(s.side, statements...)(ctx)
}

// Table reads all columns as texts. Our own tables are in a schema, or database, of their own.
func (s *relational) Table(ctx context.Context, name string) ([]record, error) {
	if strings.HasPrefix(name, "writegate_") {
		name = "writegate." + name
	}
	query := "select * from " + name
	if name == effects {
		query += " order by n"
	}
	rows, err := s.side.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	out := []record{}
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := record{}
		for i, v := range values {
			row[columns[i]] = text(v)
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

// Stall locks all rows that devices of a tenant share.
func (s *relational) Stall(ctx context.Context) (release func(), err error) {
	tx, err := s.side.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, err
	}
	for _, table := range []string{accounts, lists} {
		if err := lock(ctx, tx, "select id from "+table+" order by id for update"); err != nil {
			_ = tx.Rollback()
			return nil, err
		}
	}
	return func() { _ = tx.Rollback() }, nil
}

func lock(ctx context.Context, tx *sql.Tx, query string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() { // all of them have to be locked
	}
	return rows.Err()
}

// storm has many transactions lock rows in any order for a second, so that some of them wait for each other.
func (s *relational) storm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for ctx.Err() == nil {
				s.gust(ctx)
			}
		})
	}
	wg.Wait()
	return nil
}

// gust is one such transaction. That it fails is its purpose.
func (s *relational) gust(ctx context.Context) {
	tx, err := s.side.BeginTx(ctx, nil)
	if err != nil {
		return
	}
	defer func() { _ = tx.Rollback() }()
	for i := range 4 {
		order := []string{"asc", "desc"}[time.Now().UnixNano()/1000%2]
		if lock(ctx, tx, fmt.Sprintf("select id from %s order by id %s limit %d for update", []string{accounts, lists, tallies, accounts}[i], order, 3+i)) != nil {
			return
		}
		wait(ctx, 20*time.Millisecond)
	}
}

// wired are the faults of the way between the daemons and the database.
func (s *relational) wired() []Fault {
	second := time.Second
	return []Fault{
		{"answers to commits lost", second, s.wire.is(deafening), s.wire.is(passing), s.wire.hits.Load},
		{"commits lost", second, s.wire.is(swallowing), s.wire.is(passing), s.wire.hits.Load},
		{"network silent", second, s.wire.is(silent), s.wire.is(passing), nil},
	}
}

// execs runs statements on one connection.
func execs(db *sql.DB, statements ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		for _, statement := range statements {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	}
}

// whole has a strike finish what it has begun, also when the run ends meanwhile: a server goes on with a statement whose client
// has gone, and what it did after Mend would stay.
func whole(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error { return do(context.WithoutCancel(ctx)) }
}

func nothing(context.Context) error { return nil }

// patiently tries for a while: after a restart a server may not take connections yet.
func patiently(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		var err error
		for range 100 {
			if err = do(ctx); err == nil {
				return nil
			}
			if !wait(ctx, 100*time.Millisecond) {
				break
			}
		}
		return err
	}
}

func replaceFile(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// openSide opens a pool that keeps no connection from before a fault.
func openSide(driver, dsn string) (*sql.DB, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(0)
	return db, nil
}
