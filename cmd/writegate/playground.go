package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"sync"

	"writegate"
	"writegate/appliers/sqlite"
	"writegate/policy"
)

// playground is the database of dev without a configuration: SQLite whose tables and columns are made from
// what arrives, and a policy that allows everything. Production has neither.
type playground struct {
	*sqlite.DB
	path string

	// mu is held while the tables grow, so that nobody is judged by rules that are older than the tables.
	mu    sync.Mutex
	names []string
	rules *policy.Bundle
}

func openPlayground(ctx context.Context, folder string) (*playground, error) {
	path := filepath.Join(folder, "dev.sqlite")
	db, err := sqlite.Open(ctx, sqlite.Config{Path: path})
	if err != nil {
		return nil, err
	}
	p := &playground{DB: db, path: path}
	if err := p.refresh(ctx); err != nil {
		return nil, errors.Join(plain(err), db.Close())
	}
	return p, nil
}

// grown makes the tables and columns that an upload needs and returns the rules over all of them.
func (p *playground) grown(ctx context.Context, up *writegate.Upload) (*policy.Bundle, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed, err := p.Grow(ctx, up)
	if err == nil && changed {
		err = p.refresh(ctx)
	}
	return p.rules, err
}

// tables names the tables that there are.
func (p *playground) tables() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.names
}

// refresh binds new rules to the tables as they are now.
func (p *playground) refresh(ctx context.Context) error {
	names, err := p.existing(ctx)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	refs := make([]writegate.TableRef, len(names))
	for i, name := range names {
		refs[i].Name = name
	}
	schema, err := p.Schema(ctx, refs)
	if err != nil {
		return err
	}
	p.names, p.rules = names, policy.Permissive(schema)
	return nil
}

// existing asks the file which tables it has besides ours and SQLite's.
func (p *playground) existing(ctx context.Context) (names []string, err error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.ToSlash(p.path)}).EscapedPath()+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'writegate_*' AND name NOT GLOB 'sqlite_*'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, rows.Err()
}
