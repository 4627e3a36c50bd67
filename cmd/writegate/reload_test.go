package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"writegate/policy"
)

// reloadable opens the gates of one SQLite file and tells how to write another policy.
func reloadable(t *testing.T, log *slog.Logger) (g *gates, write func(text string)) {
	t.Helper()
	c, dir := folder(t, "database: {driver: sqlite, dsn: main.db}\n")
	file(t, filepath.Join(dir, "main.db"), "notes", "shop_orders")
	g = openGates(t, c)
	g.log = log
	return g, func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	notesOnly = shopPolicy[:strings.Index(shopPolicy, "  orders:")]
	noTable   = strings.ReplaceAll(shopPolicy, "shop_orders", "shop_order")
)

func TestReload(t *testing.T) {
	var log bytes.Buffer
	g, write := reloadable(t, slog.New(slog.NewTextHandler(&log, nil)))
	try := func(want string, first int64, rows ...string) {
		t.Helper()
		if got, err := putAs(t.Context(), g, map[string]any{}, first, rows...); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	first := g.revision()
	try("applied applied", 1, "notes/n1", "orders/o1")

	write(notesOnly)
	if err := g.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := g.revision()
	if second == first {
		t.Errorf("the revision is still %s", first)
	}
	try("applied rejected", 3, "notes/n2", "orders/o2")

	for name, text := range map[string]string{"no YAML": "policy: [", "unknown key": notesOnly + "    rulez: []\n", "no such table": noTable} {
		write(text)
		err := g.reload(t.Context())
		if _, ok := errors.AsType[policy.Faults](err); !ok && name != "no such table" {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil || g.revision() != second {
			t.Errorf("%s: %v, and the revision is %s", name, err, g.revision())
		}
	}
	try("applied rejected", 5, "notes/n3", "orders/o3")
	if want := "policy.yaml:8:5: unknown key"; !strings.Contains(log.String(), want) {
		t.Errorf("the log lacks %q:\n%s", want, &log)
	}

	write(shopPolicy)
	if err := g.reload(t.Context()); err != nil || g.revision() != first {
		t.Errorf("%v, revision %s; want that of the same policy before, %s", err, g.revision(), first)
	}
	registry := prometheus.NewRegistry()
	if err := g.metrics.register(registry); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, label := range m.Label {
				got[label.GetValue()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	if got["ok"] != 2 || got["failed"] != 3 || got[first] != 1 || got[second] != 0 {
		t.Errorf("metrics: %v", got)
	}
}

// TestReloadUnderUploads has rules change while uploads are at work: each is decided by one of the two, whole.
func TestReloadUnderUploads(t *testing.T) {
	g, write := reloadable(t, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			for _, text := range []string{notesOnly, shopPolicy} {
				write(text)
				if err := g.reload(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	outcomes := map[string]int{}
	for i := int64(1); i < 400; i += 3 {
		got, err := putAs(t.Context(), g, map[string]any{}, i, "orders/o1", "notes/n1", "orders/o1")
		if err != nil {
			t.Fatal(err)
		}
		outcomes[got]++
	}
	cancel()
	wg.Wait()
	for got := range outcomes {
		if got != "applied applied applied" && got != "rejected applied rejected" {
			t.Errorf("an upload was decided by two policies: %q", got)
		}
	}
}

func TestWatch(t *testing.T) {
	defer outlastingHangups()()
	g, write := reloadable(t, slog.New(slog.DiscardHandler))
	stop := watching(t.Context(), g.watch)
	defer stop()
	become := func(why string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: the policy was not read again", why)
			}
		}
	}
	first := g.revision()
	write(notesOnly)
	become("file", func() bool { return g.revision() != first })

	held := g.only()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	become("signal", func() bool { return g.only() != held })

	write("policy: [")
	time.Sleep(3 * lookEvery)
	if g.only() == nil {
		t.Error("a faulty policy took the good one away")
	}
	write(shopPolicy)
	become("mended file", func() bool { return g.revision() == first })

	stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil { // would end the process while uploads finish
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
}

// TestWatchAttached has a file beside the policy come, and be mended, after the policy that names it.
func TestWatchAttached(t *testing.T) {
	var failures atomic.Int64
	g, write := reloadable(t, slog.New(counting{slog.DiscardHandler, &failures}))
	dir := filepath.Dir(g.config.Policy)
	statements(t, filepath.Join(dir, "main.db"), "ALTER TABLE notes ADD COLUMN data JSON")
	stop := watching(t.Context(), g.watch)
	defer stop()
	first := g.revision()
	failed := func(why string, times int64) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); failures.Load() < times; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: the policy was not read again", why)
			}
		}
		time.Sleep(3 * lookEvery)
		if got := failures.Load(); got != times || g.revision() != first {
			t.Fatalf("%s: failed %d times, want %d; revision %s, was %s", why, got, times, g.revision(), first)
		}
	}
	schema := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "data.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(shopPolicy, "  notes:\n", "  notes:\n    columns: {data: {json_schema: data.json}}\n", 1))
	failed("no file", 1)
	schema("{")
	failed("no schema", 2)
	schema(`{"type": "object"}`)
	for deadline := time.Now().Add(30 * time.Second); g.revision() == first; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("mended file: the policy was not read again")
		}
	}
}

// counting counts errors that are logged.
type counting struct {
	slog.Handler
	errors *atomic.Int64
}

func (c counting) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (c counting) Handle(context.Context, slog.Record) error {
	c.errors.Add(1)
	return nil
}
