package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"
)

// batch is what travels in one round trip: statements, their parameters, and readers of their results.
type batch struct {
	sql   strings.Builder
	lines int // so far, which is how the server counts where an error is
	args  []any
	read  []func(*sql.Rows) error // one for each result set, in order
}

// add appends a statement, in pieces.
func (b *batch) add(pieces ...string) {
	for _, piece := range append(pieces, ";\n") {
		b.sql.WriteString(piece)
		b.lines += strings.Count(piece, "\n")
	}
}

// text adds a parameter of type nvarchar(max), whatever the length: a declaration by length would make another
// statement of it for the server's cache of plans.
func (b *batch) text(s string) string { return b.value(mssql.NVarCharMax(s)) }

// value adds a parameter as the client library declares it, and returns its name.
func (b *batch) value(v any) string {
	b.args = append(b.args, v)
	return "@p" + strconv.Itoa(len(b.args))
}

// result reads the next result set, whose first column is called writegate.
func (b *batch) result(read func(*sql.Rows) error) { b.read = append(b.read, read) }

func (b *batch) empty() bool { return b.sql.Len() == 0 }

type queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

var errResults = errors.New("the server sent fewer results than it was asked for")

// run sends the batch and reads its results to the end: an error of a later statement comes behind them.
func (b *batch) run(ctx context.Context, q queryer) (err error) {
	if len(b.read) == 0 {
		_, err := q.ExecContext(ctx, b.sql.String(), b.args...)
		return err
	}
	rows, err := q.QueryContext(ctx, b.sql.String(), b.args...)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	for left := b.read; ; {
		if len(left) > 0 && ours(rows) {
			if err := left[0](rows); err != nil {
				return err
			}
			left = left[1:]
		}
		for rows.Next() { // what nobody asked for
			continue
		}
		switch more := rows.NextResultSet(); {
		case rows.Err() != nil:
			return rows.Err()
		case !more && len(left) > 0:
			return errResults
		case !more:
			return nil
		}
	}
}

// resultName is the name of the first column of each result that a batch asks for. A trigger may send results too.
const resultName = "writegate"

func ours(rows *sql.Rows) bool {
	names, err := rows.Columns()
	return err == nil && len(names) > 0 && names[0] == resultName
}

// one reads the first row of a result set. There must be one.
func one(into ...any) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		if !rows.Next() {
			if err := rows.Err(); err != nil {
				return err
			}
			return sql.ErrNoRows
		}
		return rows.Scan(into...)
	}
}

// each reads all rows of a result set.
func each(row func() error, into ...any) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				return err
			}
			if err := row(); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}
