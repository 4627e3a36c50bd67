package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// sqlStore is a store in which triggers record every effect.
type sqlStore struct{ db *sql.DB }

func (s sqlStore) registers(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	err := s.each(ctx, "select id, value, 1 from registers", func(id, value string, _ int) { out[id] = value })
	return out, err
}

func (s sqlStore) effects(ctx context.Context) (map[[2]string]int, error) {
	out := map[[2]string]int{}
	err := s.each(ctx, "select id, value, count(*) from effects group by id, value", func(id, value string, n int) { out[[2]string{id, value}] = n })
	return out, err
}

func (s sqlStore) each(ctx context.Context, query string, fn func(id, value string, n int)) error {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, value string
		var n int
		if err := rows.Scan(&id, &value, &n); err != nil {
			return err
		}
		fn(id, value, n)
	}
	return rows.Err()
}

// openSQL opens the side of the test itself and makes tables.
func openSQL(t *testing.T, driver, dsn string, ddl ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxIdleConns(0) // none is left from before an outage
	t.Cleanup(func() { _ = db.Close() })
	for _, statement := range ddl {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return db
}

// execs runs statements on one connection.
func execs(db *sql.DB, statements ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		for _, statement := range statements {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	}
}

func nothing(context.Context) error { return nil }

// hog holds connections, and whatever their sessions have.
type hog struct {
	mu    sync.Mutex
	conns []*sql.Conn
	stop  context.CancelFunc // of hogging
	done  chan error
}

// take opens connections until the server gives no more, at most the given number, and runs a statement on each.
func (h *hog) take(ctx context.Context, db *sql.DB, most int, statement string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for range most {
		conn, err := db.Conn(ctx)
		if err != nil {
			if len(h.conns) > 0 {
				return nil
			}
			return err
		}
		h.conns = append(h.conns, conn)
		if statement == "" {
			continue
		}
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (h *hog) release(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, conn := range h.conns {
		if err := conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
			errs = append(errs, err)
		}
	}
	h.conns = nil
	return errors.Join(errs...)
}

// hogging takes every connection that there is, again and again, until [hog.free]. It returns once the daemon has none.
func hogging(h *hog, greedy *sql.DB, cut func(context.Context) (int, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
		h.done = make(chan error, 1)
		none := make(chan struct{})
		go func() { h.done <- h.keep(ctx, greedy, cut, none) }()
		select {
		case <-none:
			return nil
		case err := <-h.done:
			return err
		case <-time.After(20 * time.Second):
			return errors.Join(errors.New("the daemon always gets a connection"), h.free(ctx))
		}
	}
}

// keep closes none when the daemon has no connection for the first time. Where all are taken, none is left for cutting either.
func (h *hog) keep(ctx context.Context, greedy *sql.DB, cut func(context.Context) (int, error), none chan struct{}) error {
	for first := true; ctx.Err() == nil; time.Sleep(30 * time.Millisecond) { // until the server has noticed that they are free
		left, err := cut(ctx)
		if err != nil && len(h.conns) == 0 {
			return err
		}
		if err == nil && left == 0 && len(h.conns) > 0 && first {
			first = false
			close(none)
		}
		if err := h.take(ctx, greedy, 300, ""); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// free ends hogging.
func (h *hog) free(ctx context.Context) error {
	h.stop()
	return errors.Join(<-h.done, h.release(ctx))
}

// killing kills connections for a second, and demands that there were some.
func killing(cut func(context.Context) (int, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		killed := 0
		for range 20 {
			n, err := cut(ctx)
			if err != nil {
				return err
			}
			killed += n
			time.Sleep(50 * time.Millisecond)
		}
		if killed < 20 {
			return fmt.Errorf("only %d connections were killed", killed)
		}
		return nil
	}
}

// small mounts a small file system, which an outage fills. It takes root.
func small(t *testing.T, dir string, mode os.FileMode) (fill, empty func(context.Context) error, ok bool) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := mount(t, "-t", "tmpfs", "-o", fmt.Sprintf("size=24m,mode=%o", mode), "none", dir); err != nil {
		if os.Getenv("WRITEGATE_TEST_ALL") == "1" && os.Geteuid() == 0 {
			t.Fatalf("mounting %s: %v: %s", dir, err, out)
		}
		t.Logf("left out: a full disk, since none can be mounted: %v: %s", err, out)
		return nil, nil, false
	}
	filler := filepath.Join(dir, "filler")
	fill = func(context.Context) error {
		f, err := os.Create(filler)
		if err != nil {
			return err
		}
		block := make([]byte, 4096)
		for err == nil {
			_, err = f.Write(block)
		}
		if !strings.Contains(err.Error(), "no space") {
			return errors.Join(err, f.Close())
		}
		return f.Close()
	}
	return fill, func(context.Context) error { return os.Remove(filler) }, true
}
