package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// database is one made for this run.
type database struct {
	dsn, name, admin string
	pool             *pgxpool.Pool
	stock            [][]string // for each of 32 users, the rows of the initial table
}

func createDatabase(ctx context.Context, admin string) (*database, error) {
	db := &database{admin: admin, name: fmt.Sprintf("writegate_bench_%d", os.Getpid())}
	if err := db.asAdmin(ctx, "create database "+db.name); err != nil {
		return nil, err
	}
	cfg, err := pgx.ParseConfig(admin)
	if err != nil {
		return nil, err
	}
	db.dsn = fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", cfg.User, cfg.Password, net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port))), db.name)
	if db.pool, err = connect(ctx, db.dsn); err != nil {
		return nil, err
	}
	for _, s := range append(strings.Split(bareTables, ";"),
		`create table todos (id uuid primary key, owner_id text not null, list_id uuid not null, description text, completed boolean not null default false, created_at timestamptz)`,
		`create table stock as select gen_random_uuid() as id, 'user-' || (n % 32) as owner_id, gen_random_uuid() as list_id, 'row ' || n as description, false as completed, now() as created_at from generate_series(1, `+strconv.Itoa(stockRows)+`) n`,
	) {
		if _, err := db.pool.Exec(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
	}
	for user := range 32 {
		rows, err := db.pool.Query(ctx, `select id::text from stock where owner_id = $1 order by id`, fmt.Sprintf("user-%d", user))
		if err != nil {
			return nil, err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, err
		}
		db.stock = append(db.stock, ids)
	}
	return db, nil
}

func (db *database) asAdmin(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, db.admin)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

func (db *database) drop() {
	db.pool.Close()
	if err := db.asAdmin(context.Background(), "drop database "+db.name+" with (force)"); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// reset brings the table back to its initial rows, with statistics.
func (db *database) reset(ctx context.Context) error {
	for _, s := range []string{"truncate todos", "insert into todos select * from stock", "vacuum analyze todos", "checkpoint"} {
		if _, err := db.pool.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func (db *database) verify(ctx context.Context, want int) error {
	var got int
	if err := db.pool.QueryRow(ctx, "select count(*) from todos").Scan(&got); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the table has %d rows, want %d", got, want)
	}
	return nil
}

// daemon is writegate as a user runs it.
type daemon struct {
	cmd    *exec.Cmd
	dir    string
	url    string
	http   *http.Client
	binary string
	config string
	mu     sync.Mutex
	tokens map[string]string
}

const policyText = `policy: 1
claims:
  sub: {path: sub, type: text, required: true}
tables:
  todos:
    immutable: [id]
    rules:
      - name: owner
        ops: [create, update, delete]
        row: row.owner_id == claims.sub
        columns: [owner_id, list_id, description, completed, created_at]
`

func startDaemon(ctx context.Context, dsn string) (*daemon, error) {
	dir, err := os.MkdirTemp("", "writegate-bench-")
	if err != nil {
		return nil, err
	}
	d := &daemon{dir: dir, binary: filepath.Join(dir, "writegate"), config: filepath.Join(dir, "writegate.yaml"), tokens: map[string]string{}}
	d.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", d.binary, "writegate/cmd/writegate").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close()
	d.url = "http://" + addr
	config := fmt.Sprintf("server:\n  addr: %s\n  metrics_addr: \"\"\nauth:\n  audience: [powersync]\n  key_file: %s\ndatabase:\n  driver: postgres\n  dsn: %q\n  max_conns: 32\npolicy: policy.yaml\nlog:\n  level: warn\n",
		addr, filepath.Join(dir, "key.json"), dsn)
	if err := errors.Join(os.WriteFile(d.config, []byte(config), 0o600), os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(policyText), 0o600)); err != nil {
		return nil, err
	}
	d.cmd = exec.CommandContext(ctx, d.binary, "serve", "--config", d.config)
	d.cmd.Stderr = os.Stderr
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	for range 500 {
		if d.ready(ctx) {
			return d, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	d.stop()
	return nil, errors.New("the daemon did not become ready in 10 s")
}

func (d *daemon) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := d.http.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func (d *daemon) stop() {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err == nil {
		_ = d.cmd.Wait() // its exit status says nothing about the figures
	}
	_ = os.RemoveAll(d.dir)
}

func (d *daemon) token(ctx context.Context, subject string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t, ok := d.tokens[subject]; ok {
		return t, nil
	}
	out, err := exec.CommandContext(ctx, d.binary, "token", "--config", d.config, "--sub", subject).Output()
	if err != nil {
		return "", fmt.Errorf("writegate token: %w", err)
	}
	d.tokens[subject] = strings.TrimSpace(string(out))
	return d.tokens[subject], nil
}

func (d *daemon) apply(ctx context.Context, s *sender, ops []op) error {
	token, err := d.token(ctx, s.subject)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/api/data", bytes.NewReader(body(s.device, ops)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := d.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"rejected":0`)) {
		return fmt.Errorf("status %d: %.300s", res.StatusCode, answer)
	}
	return nil
}
