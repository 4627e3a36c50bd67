package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// firstPages are the functions of documentdb that answer with a cursor, by command.
var firstPages = map[string]string{
	"find": "find_cursor_first_page", "aggregate": "aggregate_cursor_first_page",
	"listCollections": "list_collections_cursor_first_page", "listIndexes": "list_indexes_cursor_first_page",
}

// cursor is what a getMore goes on with.
type cursor struct {
	// continuation is opaque.
	continuation []byte
	// conn is held when documentdb keeps the rest of the answer in the connection.
	conn *pgxpool.Conn
}

func (s *server) firstPage(ctx context.Context, t *transaction, function string, c call) ([]byte, error) {
	var page, continuation []byte
	var held *bool
	var id *int64
	read := func(db querier) error {
		return db.QueryRow(ctx,
			"select cursorpage::bytea, continuation::bytea, persistconnection, cursorid from documentdb_api."+function+"($1, $2::bytea::documentdb_core.bson)",
			c.database, c.spec).Scan(&page, &continuation, &held, &id)
	}
	cur := &cursor{}
	if t != nil {
		if err := read(t.tx); err != nil {
			return nil, err
		}
	} else {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		if err := read(conn); err != nil {
			conn.Release()
			return nil, err
		}
		if continuation != nil && held != nil && *held {
			cur.conn = conn
		} else {
			conn.Release()
		}
	}
	if continuation != nil && id != nil {
		cur.continuation = continuation
		s.mu.Lock()
		s.cursors[*id] = cur
		s.mu.Unlock()
	}
	return page, nil
}

func (s *server) getMore(ctx context.Context, t *transaction, id int64, c call) ([]byte, error) {
	s.mu.Lock()
	cur := s.cursors[id]
	delete(s.cursors, id)
	s.mu.Unlock()
	if cur == nil {
		return nil, newError(codeCursorNotFound, fmt.Sprintf("cursor id %d not found", id))
	}
	var db querier = s.pool
	switch {
	case cur.conn != nil:
		db = cur.conn
	case t != nil:
		db = t.tx
	}
	var page, continuation []byte
	err := db.QueryRow(ctx,
		"select cursorpage::bytea, continuation::bytea from documentdb_api.cursor_get_more($1, $2::bytea::documentdb_core.bson, $3::bytea::documentdb_core.bson)",
		c.database, c.spec, cur.continuation).Scan(&page, &continuation)
	if err != nil || continuation == nil {
		if cur.conn != nil {
			cur.conn.Release()
		}
		return page, err
	}
	cur.continuation = continuation
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursors[id] = cur
	return page, nil
}
