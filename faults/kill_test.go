// Package faults breaks a running daemon on purpose and checks that no write was lost or doubled.
package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"writegate/internal/daemontest"
	"writegate/internal/pgtest"
)

const devices = 8

// kills returns how often each kind of kill is done: a few by default, WRITEGATE_KILLS of each when set.
func kills(t *testing.T) int {
	s := os.Getenv("WRITEGATE_KILLS")
	if s == "" {
		return 3
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("WRITEGATE_KILLS=%q: want a number from 1", s)
	}
	return n
}

// TestKill ends the daemon with SIGKILL under load: at a failpoint between commit and answer, then at random
// moments. A trigger in the database records every effect, so that a doubled one shows even where it left
// the same row.
func TestKill(t *testing.T) {
	daemon := build(t)
	for _, mode := range []string{"after commit", "at random"} {
		t.Run(mode, func(t *testing.T) {
			killUnderLoad(t, fresh(t), daemon, mode == "after commit")
		})
	}
}

func killUnderLoad(t *testing.T, db *testDB, binary string, failpoint bool) {
	want := kills(t)
	addr := freeAddr(t)
	config := writeConfig(t, addr, db.dsn)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))

	load, stopLoad := context.WithCancel(t.Context())
	drain, cancelDrain := context.WithTimeout(t.Context(), time.Duration(want)*10*time.Second+time.Minute)
	defer cancelDrain()
	group, drain := errgroup.WithContext(drain)
	var all []*device
	for i := range devices {
		d := &device{
			id: fmt.Sprintf("device-%d", i), http: &http.Client{Transport: &http.Transport{}},
			rnd: rand.New(rand.NewPCG(seed, uint64(i)+1)),
		}
		d.token = token(t, binary, config, d.id)
		all = append(all, d)
		group.Go(func() error { return d.run(load, drain, "http://"+addr) })
	}

	killed := 0
	for drain.Err() == nil && killed < want {
		var env []string
		if failpoint {
			env = append(env, fmt.Sprintf("WRITEGATE_FAILPOINT=committed:kill:%d", 1+rnd.IntN(60)))
		}
		p := start(t, binary, config, addr, env)
		if !failpoint {
			time.Sleep(time.Duration(50+rnd.IntN(600)) * time.Millisecond)
			p.kill(t)
		}
		select {
		case <-p.Done():
			killed++
		case <-time.After(30 * time.Second):
			t.Fatal("the failpoint was not reached within 30 s")
		case <-drain.Done():
		}
	}
	p := start(t, binary, config, addr, nil)
	stopLoad()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	p.stop(t)

	acked, sent := 0, 0
	for _, d := range all {
		acked += len(d.acked)
		sent += d.sent
		d.http.CloseIdleConnections()
	}
	missing, doubled := db.check(t, all)
	t.Logf("%d kills: %d operations acknowledged in %d uploads, %d missing, %d doubled", killed, acked, sent, missing, doubled)
	if missing > 0 || doubled > 0 || killed < want || acked == 0 {
		t.Errorf("%d of %d kills, %d acknowledged, %d missing, %d doubled", killed, want, acked, missing, doubled)
	}
}

// process is a running daemon.
type process struct{ *daemontest.Process }

func start(t *testing.T, binary, config, addr string, env []string) *process {
	t.Helper()
	d := daemontest.Daemon{Binary: binary, Config: config, Addr: addr, Env: env, Log: filepath.Join(filepath.Dir(config), "daemon.log")}
	p, err := d.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &process{p}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if p.Err() != nil {
		t.Errorf("the daemon did not stop well: %v", p.Err())
	}
}

func build(t *testing.T) string { return daemontest.Build(t) }

func token(t *testing.T, binary, config, subject string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), binary, "token", "--config", config, "--sub", subject).Output()
	if err != nil {
		t.Fatalf("writegate token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := daemontest.FreeAddr(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func writeConfig(t *testing.T, addr, dsn string) string {
	t.Helper()
	return writeConfigOf(t, addr, fmt.Sprintf("driver: postgres\n  dsn: %q", dsn))
}

// writeConfigOf writes the configuration of a daemon; database is the YAML of that section.
func writeConfigOf(t *testing.T, addr, database string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"policy.yaml": `policy: 1
claims:
  sub: {path: sub, type: text, required: true}
tables:
  registers:
    immutable: [id]
    rules:
      - name: owner
        ops: [create, update, delete]
        row: row.owner == claims.sub
        columns: [value, owner]
`,
		"writegate.yaml": fmt.Sprintf(`server:
  addr: %s
  metrics_addr: ""
auth:
  audience: [powersync]
  hs256_secret: c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA
database:
  %s
policy: policy.yaml
`, addr, database),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "writegate.yaml")
}

// testDB is a database of its own for one run.
type testDB struct {
	dsn  string
	conn *pgx.Conn
}

func fresh(t *testing.T) *testDB {
	t.Helper()
	db := &testDB{dsn: pgtest.Fresh(t)}
	var err error
	if db.conn, err = pgx.Connect(t.Context(), db.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.conn.Close(context.Background()) })
	for _, statement := range []string{
		`create table registers (id text primary key, owner text not null, value text not null)`,
		`create table effects (n bigint generated always as identity, id text not null, value text not null)`,
		`create function record_effect() returns trigger language plpgsql as $$ begin insert into effects (id, value) values (new.id, new.value); return new; end $$`,
		`create trigger effects after insert or update on registers for each row execute function record_effect()`,
	} {
		if _, err := db.conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return db
}

// check counts acknowledged operations without an effect, and operations with more than one.
func (db *testDB) check(t *testing.T, all []*device) (missing, doubled int) {
	t.Helper()
	rows, err := db.conn.Query(t.Context(), `select id, value, count(*) from effects group by id, value`)
	if err != nil {
		t.Fatal(err)
	}
	effects := map[[2]string]int{}
	for rows.Next() {
		var id, value string
		var n int
		if err := rows.Scan(&id, &value, &n); err != nil {
			t.Fatal(err)
		}
		if effects[[2]string{id, value}] = n; n > 1 {
			doubled++
			t.Logf("row %s: value %s took effect %d times", id, value, n)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		last := map[string]string{}
		for _, op := range d.acked {
			value := op.Data["value"].(string)
			last[op.ID] = value
			if effects[[2]string{op.ID, value}] == 0 {
				missing++
				t.Logf("row %s: value %s was acknowledged and has no effect", op.ID, value)
			}
		}
		for id, value := range last {
			var got string
			if err := db.conn.QueryRow(t.Context(), `select value from registers where id = $1`, id).Scan(&got); err != nil || got != value {
				missing++
				t.Logf("row %s is %q (%v), the last acknowledged value is %q", id, got, err, value)
			}
		}
	}
	return missing, doubled
}
