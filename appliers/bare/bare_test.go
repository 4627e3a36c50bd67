package bare_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite" // the database/sql driver named sqlite

	"writegate"
	"writegate/appliers/bare"
	"writegate/appliers/memory"
	"writegate/appliers/postgres"
	"writegate/appliers/sqlite"
	"writegate/internal/pgtest"
	"writegate/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const rules = `policy: 1
claims:
  sub: {type: text, required: true}
tables:
  notes:
    immutable: [id]
    rules:
      - {name: owner, ops: [create, update, delete], row: row.owner == claims.sub, columns: [owner, body]}
`

// inner fails the test when something of ours is asked of the database, and commits as often as it is let.
type inner struct {
	writegate.Applier
	t     *testing.T
	fails func() error // asked before each commit
}

func (d *inner) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	return d.Applier.InTx(ctx, caller, func(tx writegate.Tx) error {
		if err := fn(&innerTx{tx, d.t}); err != nil || d.fails == nil {
			return err
		}
		return d.fails()
	})
}

func (d *inner) Checkpoint(context.Context, string, string) (int64, error) {
	d.t.Error("the database is asked for a checkpoint")
	return 0, nil
}

type innerTx struct {
	writegate.Tx
	t *testing.T
}

func (tx *innerTx) Claim(context.Context, writegate.Claim) (writegate.Claimed, error) {
	tx.t.Error("the database is asked for the ledger")
	return writegate.Claimed{}, nil
}

func (tx *innerTx) Settle(context.Context, writegate.Settlement) error {
	tx.t.Error("the database is given a settlement")
	return nil
}

// site is a database without own tables behind a pipeline.
type site struct {
	*testing.T
	inner    *inner
	db       *bare.DB
	path     string
	pipeline *writegate.Pipeline
	policy   writegate.Policy
}

func open(t *testing.T, applier writegate.Applier) *site {
	t.Helper()
	s := &site{T: t, inner: &inner{Applier: applier, t: t}, path: filepath.Join(t.TempDir(), "refused.jsonl")}
	var err error
	if s.db, err = bare.New(s.inner, bare.Config{Path: s.path}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() })
	source, err := policy.Parse("policy.yaml", []byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := s.db.Schema(t.Context(), source.Tables())
	if err != nil {
		t.Fatal(err)
	}
	if s.policy, err = source.Bind(schema); err != nil {
		t.Fatal(err)
	}
	s.pipeline = writegate.NewPipeline(s.db, writegate.Options{Ledgerless: []string{""}})
	return s
}

func openMemory(t *testing.T) *site {
	t.Helper()
	db, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Define(memory.Table{Name: "notes", Key: "id", KeyType: writegate.Text, Columns: []memory.Column{{Name: "owner", Type: writegate.Text}, {Name: "body", Type: writegate.Text}}}); err != nil {
		t.Fatal(err)
	}
	return open(t, db)
}

func put(id, owner, body string) writegate.Transaction {
	return writegate.Transaction{ID: 1, Ops: []writegate.Op{{Kind: writegate.Put, Table: "notes", ID: id, OpID: 1, Data: writegate.Row{"owner": owner, "body": body}}}}
}

func (s *site) send(txs ...writegate.Transaction) *writegate.Result {
	s.Helper()
	res, err := s.pipeline.Apply(s.Context(), writegate.Caller{Subject: "u1", Claims: map[string]any{"sub": "u1"}}, s.policy, &writegate.Upload{ClientID: "d1", Transactions: txs})
	if err != nil {
		s.Fatal(err)
	}
	return res
}

func (s *site) statuses(what string, res *writegate.Result, want ...writegate.Status) {
	s.Helper()
	var got []writegate.Status
	for _, tx := range res.Transactions {
		got = append(got, tx.Status)
	}
	if !slices.Equal(got, want) {
		s.Errorf("%s: %v, want %v; %v", what, got, want, res.Err)
	}
}

// line is what a reader of the file looks at.
type line struct {
	ID      string `json:"id"`
	Subject string `json:"subject"`
	Client  string `json:"client_id"`
	Code    string `json:"code"`
	Body    struct {
		Crud []struct {
			OpID int64          `json:"op_id"`
			ID   string         `json:"id"`
			Data map[string]any `json:"data"`
		} `json:"crud"`
	} `json:"body"`
}

// letters reads the file, and passes over lines that were broken off.
func (s *site) letters(path string) (found []line, broken int) {
	s.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	for part := range bytes.Lines(text) {
		var l line
		if err := json.Unmarshal(part, &l); err != nil {
			broken++
			continue
		}
		found = append(found, l)
	}
	return found, broken
}

func TestRefusedIsKeptWhole(t *testing.T) {
	s := openMemory(t)
	large := strings.Repeat("<äöü&\"\n", 1<<18)
	res := s.send(put("n1", "u1", "mine"), put("n2", "u2", large), put("n3", "u1", "mine"))
	s.statuses("upload", res, writegate.Applied, writegate.Rejected, writegate.Applied)
	if res.Identified || res.Unidentified != 3 {
		t.Errorf("identified %v, %d operations without identity; want false, 3", res.Identified, res.Unidentified)
	}
	found, broken := s.letters(s.path)
	if len(found) != 1 || broken != 0 {
		t.Fatalf("%d letters, %d broken lines; want 1, 0", len(found), broken)
	}
	l := found[0]
	if l.Subject != "u1" || l.Client != "d1" || l.Code != "UNAUTHORIZED" || len(l.Body.Crud) != 1 || l.Body.Crud[0].ID != "n2" || l.Body.Crud[0].OpID != 1 || l.Body.Crud[0].Data["body"] != large {
		t.Errorf("the letter is %.300v", l)
	}
	info, err := os.Stat(s.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
	s.statuses("sent again", s.send(put("n1", "u1", "mine"), put("n2", "u2", large)), writegate.Applied, writegate.Rejected)
	if found, _ = s.letters(s.path); len(found) != 2 || found[1].ID != l.ID {
		t.Errorf("%d letters, want another one with the same id", len(found))
	}
}

// TestCommitFails has the process, or the database, go away between the file and the commit.
func TestCommitFails(t *testing.T) {
	s := openMemory(t)
	commits := 0
	s.inner.fails = func() error {
		if commits++; commits == 1 {
			return writegate.TryLater(errors.New("gone"))
		}
		return nil
	}
	s.statuses("a commit that fails once", s.send(put("n1", "u2", "x")), writegate.Rejected)
	if found, _ := s.letters(s.path); len(found) != 2 || found[0].ID != found[1].ID {
		t.Errorf("%d letters, want one and its duplicate", len(found))
	}
	type killed struct{}
	s.inner.fails = func() error { panic(killed{}) }
	func() {
		defer func() {
			if v := recover(); v != (killed{}) {
				t.Errorf("recovered %v", v)
			}
		}()
		s.send(put("n2", "u2", "x"), put("n3", "u1", "x"))
	}()
	if found, _ := s.letters(s.path); len(found) != 3 || found[2].Body.Crud[0].ID != "n2" {
		t.Errorf("%d letters, want that of the killed upload", len(found))
	}
}

// TestUnwritable holds what can't be kept, and goes on when it can.
func TestUnwritable(t *testing.T) {
	s := openMemory(t)
	if err := errors.Join(os.Remove(s.path), os.Mkdir(s.path, 0o700)); err != nil {
		t.Fatal(err)
	}
	res := s.send(put("n1", "u1", "mine"), put("n2", "u2", "not mine"), put("n3", "u1", "mine"))
	s.statuses("unwritable", res, writegate.Applied, writegate.Held, writegate.NotAttempted)
	if res.Err == nil || res.Err.Class != writegate.Operator || strings.Contains(res.Err.Message, s.path) {
		t.Errorf("held with %v", res.Err)
	}
	if err := s.db.Ready(t.Context()); writegate.AsError(err).Class != writegate.Operator {
		t.Errorf("ready: %v", err)
	}
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	s.statuses("writable again", s.send(put("n1", "u1", "mine"), put("n2", "u2", "not mine"), put("n3", "u1", "mine")), writegate.Applied, writegate.Rejected, writegate.Applied)
	if err := s.db.Ready(t.Context()); err != nil {
		t.Errorf("ready: %v", err)
	}
	if found, _ := s.letters(s.path); len(found) != 1 {
		t.Errorf("%d letters, want 1", len(found))
	}
	if _, err := bare.New(s.inner, bare.Config{Path: filepath.Join(s.path, "x")}); err == nil {
		t.Error("a file that can't be made is taken")
	}
	for _, path := range []string{"", os.DevNull} {
		if _, err := bare.New(s.inner, bare.Config{Path: path}); err == nil {
			t.Errorf("%q, which keeps nothing, is taken", path)
		}
	}
}

// TestFileOfOthers breaks a line off, as a full disk does, and moves the file away.
func TestFileOfOthers(t *testing.T) {
	s := openMemory(t)
	s.send(put("n1", "u2", "x"))
	file, err := os.OpenFile(s.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"id":"half`); errors.Join(err, file.Close()) != nil {
		t.Fatal(err)
	}
	s.send(put("n2", "u2", "x"))
	if found, broken := s.letters(s.path); len(found) != 2 || broken != 1 {
		t.Errorf("%d letters, %d broken lines; want 2, 1", len(found), broken)
	}
	moved := s.path + ".1"
	if err := os.Rename(s.path, moved); err != nil {
		t.Fatal(err)
	}
	s.send(put("n3", "u2", "x"))
	if found, _ := s.letters(s.path); len(found) != 1 || found[0].Body.Crud[0].ID != "n3" {
		t.Errorf("%d letters in the new file, want 1", len(found))
	}
	if found, _ := s.letters(moved); len(found) != 2 {
		t.Errorf("%d letters in the old file, want 2", len(found))
	}
}

// TestTogether has many uploads refused at once by two processes, as far as the file can tell.
func TestTogether(t *testing.T) {
	a, b := openMemory(t), openMemory(t)
	b.path = a.path
	var err error
	if b.db, err = bare.New(b.inner, bare.Config{Path: a.path}); err != nil {
		t.Fatal(err)
	}
	b.pipeline = writegate.NewPipeline(b.db, writegate.Options{Ledgerless: []string{""}})
	body := strings.Repeat("x", 50_000)
	const devices, each = 4, 8
	var wg sync.WaitGroup
	for n, s := range []*site{a, b} {
		for d := range devices {
			wg.Go(func() {
				for i := range each {
					up := &writegate.Upload{ClientID: fmt.Sprint("d", d), Transactions: []writegate.Transaction{put(fmt.Sprintf("%d-%d-%d", n, d, i), "u2", body)}}
					res, err := s.pipeline.Apply(t.Context(), writegate.Caller{Subject: "u1", Claims: map[string]any{"sub": "u1"}}, s.policy, up)
					if err != nil || res.Transactions[0].Status != writegate.Rejected {
						t.Errorf("%v, %+v", err, res)
					}
				}
			})
		}
	}
	wg.Wait()
	found, broken := a.letters(a.path)
	ids := map[string]bool{}
	for _, l := range found {
		ids[l.ID] = true
	}
	if broken != 0 || len(ids) != 2*devices*each {
		t.Errorf("%d different letters, %d broken lines; want %d, 0", len(ids), broken, 2*devices*each)
	}
}

func TestCheckpoint(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "refused.jsonl")
	db, err := bare.New(nil, bare.Config{Path: path, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	next := func(db *bare.DB) int64 {
		n, err := db.Checkpoint(t.Context(), "u1", "d1")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first := next(db)
	if first != now.UnixMicro() {
		t.Errorf("%d, want the microseconds %d", first, now.UnixMicro())
	}
	now = now.Add(-time.Hour)
	if n := next(db); n != first+1 {
		t.Errorf("%d after %d, with a clock that was set back", n, first)
	}
	seen := make([][]int64, 4)
	var wg sync.WaitGroup
	for i := range seen {
		wg.Go(func() {
			for range 500 {
				seen[i] = append(seen[i], next(db))
			}
		})
	}
	wg.Wait()
	all := slices.Sorted(slices.Values(slices.Concat(seen...)))
	if len(slices.Compact(all)) != 2000 || !slices.IsSorted(seen[0]) {
		t.Error("checkpoints repeat, or fall")
	}
	var last int64
	for range 3 { // starts, by the real clock
		if db, err = bare.New(nil, bare.Config{Path: path}); err != nil {
			t.Fatal(err)
		}
		n := next(db)
		if n <= last {
			t.Errorf("%d after a restart, want more than %d", n, last)
		}
		last = n
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Checkpoint(ctx, "u1", "d1"); writegate.AsError(err).Class != writegate.Retry {
		t.Errorf("when nobody waits: %v", err)
	}
}

// TestLedgerIsNotFeigned refuses to pass for a ledger where the pipeline was not told.
func TestLedgerIsNotFeigned(t *testing.T) {
	s := openMemory(t)
	s.pipeline = writegate.NewPipeline(s.db, writegate.Options{})
	res := s.send(put("n1", "u1", "x"))
	s.statuses("with identity", res, writegate.Held)
	if res.Err.Class != writegate.Operator {
		t.Errorf("%v", res.Err)
	}
}

func TestWarning(t *testing.T) {
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "refused.jsonl")
	if _, err := bare.New(nil, bare.Config{Path: path, Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, path) {
		t.Errorf("the log says %q", text)
	}
}

// TestRealDatabases finds nothing of ours in the database afterwards.
func TestRealDatabases(t *testing.T) {
	const table = "create table notes (id text primary key, owner text not null unique, body text)"
	for name, tt := range map[string]struct {
		open func(t *testing.T) (writegate.Applier, *sql.DB)
		ours string // counts what is ours
	}{
		"sqlite": {func(t *testing.T) (writegate.Applier, *sql.DB) {
			path := filepath.Join(t.TempDir(), "data.db")
			db, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, NoOwnTables: true})
			if err != nil {
				t.Fatal(err)
			}
			plain, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			return db, plain
		}, "select count(*) from sqlite_schema where name like '%writegate%'"},
		"postgres": {func(t *testing.T) (writegate.Applier, *sql.DB) {
			dsn := pgtest.Fresh(t)
			db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, NoOwnTables: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			cfg, err := pgx.ParseConfig(dsn)
			if err != nil {
				t.Fatal(err)
			}
			return db, stdlib.OpenDB(*cfg)
		}, "select (select count(*) from pg_catalog.pg_class where relname like '%writegate%') + (select count(*) from pg_catalog.pg_namespace where nspname like '%writegate%')"},
	} {
		t.Run(name, func(t *testing.T) {
			applier, plain := tt.open(t)
			defer plain.Close()
			if _, err := plain.ExecContext(t.Context(), table); err != nil {
				t.Fatal(err)
			}
			s := open(t, applier)
			res := s.send(put("n1", "u1", "first"), put("n2", "u2", "not mine"), put("n1", "u1", "second"))
			s.statuses("upload", res, writegate.Applied, writegate.Rejected, writegate.Applied)
			s.statuses("the database refuses", s.send(put("n3", "u1", "owner is unique"), put("n1", "u1", "third")), writegate.Rejected, writegate.Applied)
			s.statuses("policy and database refuse", s.send(put("n4", "u2", "not mine"), put("n5", "u1", "owner is unique")), writegate.Rejected, writegate.Rejected)
			s.statuses("sent again", s.send(put("n1", "u1", "third")), writegate.Applied)
			var rows, ours int
			var body string
			if err := plain.QueryRowContext(t.Context(), "select count(*), max(body) from notes").Scan(&rows, &body); err != nil || rows != 1 || body != "third" {
				t.Errorf("%v, %d rows, %q", err, rows, body)
			}
			if err := plain.QueryRowContext(t.Context(), tt.ours).Scan(&ours); err != nil || ours != 0 {
				t.Errorf("%v, %d things of ours in the database", err, ours)
			}
			var codes []string
			found, _ := s.letters(s.path)
			for _, l := range found {
				codes = append(codes, l.Body.Crud[0].ID+" "+l.Code)
			}
			if diff := cmp.Diff([]string{"n2 UNAUTHORIZED", "n3 UNIQUE_VIOLATION", "n4 UNAUTHORIZED", "n5 UNIQUE_VIOLATION"}, codes); diff != "" {
				t.Errorf("letters (-want +got):\n%s", diff)
			}
			if err := s.db.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPassesOn has what else a database can do reach it, or say that it can't.
func TestPassesOn(t *testing.T) {
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "data.db"), NoOwnTables: true})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "refused.jsonl")
	able, err := bare.New(db, bare.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer able.Close()
	unable := openMemory(t).db
	for name, call := range map[string]func(db *bare.DB) error{
		"List":     func(db *bare.DB) error { _, err := db.List(t.Context()); return err },
		"Version":  func(db *bare.DB) error { _, err := db.Version(t.Context()); return err },
		"Inspect":  func(db *bare.DB) error { _, err := db.Inspect(t.Context(), nil); return err },
		"Snapshot": func(db *bare.DB) error { return db.Snapshot(t.Context(), nil, nil) },
	} {
		if err := call(able); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := call(unable); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s of a database that can't: %v", name, err)
		}
	}
}

// TestKeepsNothingOfOurs hides what the inner applier could keep in tables that there are not to be.
func TestKeepsNothingOfOurs(t *testing.T) {
	inner, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := bare.New(inner, bare.Config{Path: filepath.Join(t.TempDir(), "letters.jsonl")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if writegate.ShelfOf(inner) == nil || writegate.KeeperOf(inner) == nil {
		t.Error("the inner applier has none of this to hide")
	}
	if writegate.ShelfOf(db) != nil || writegate.KeeperOf(db) != nil {
		t.Error("there is a shelf or a keeper")
	}
}
