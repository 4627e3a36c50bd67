package breaker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"writegate/internal/daemontest"
	"writegate/internal/privateserver"
)

// engines are the databases that are broken.
var engines = []struct {
	name, server string
	open         func(context.Context, *privateserver.Server) (Database, error)
}{
	{"postgres", "postgres", Postgres},
	{"mysql", "mysql", MySQL},
	{"documentdb", "mongodb", DocumentDB},
}

// length is how long faults go on: WRITEGATE_BREAKER_MINUTES.
func length(t *testing.T) time.Duration {
	t.Helper()
	s := os.Getenv("WRITEGATE_BREAKER_MINUTES")
	if s == "" {
		t.Skip("WRITEGATE_BREAKER_MINUTES is not set: make breaker")
	}
	minutes, err := strconv.ParseFloat(s, 64)
	if err != nil || minutes <= 0 {
		t.Fatalf("WRITEGATE_BREAKER_MINUTES=%q: want a number above 0", s)
	}
	return time.Duration(minutes * float64(time.Minute))
}

// seed is WRITEGATE_BREAKER_SEED, or any.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("WRITEGATE_BREAKER_SEED")
	if s == "" {
		return rand.Uint64()
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("WRITEGATE_BREAKER_SEED=%q: want the seed of a report", s)
	}
	return n
}

// TestBreaker breaks each engine for a while, all of them at the same time, and expects that nothing was lost, doubled or
// stuck.
func TestBreaker(t *testing.T) {
	length := length(t)
	binary := daemontest.Build(t)
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			report := onEngine(t, engine.server, engine.open, binary, length, 3*time.Minute)
			t.Logf("%v", report)
			if report.Violations > 0 {
				t.Errorf("%d violations", report.Violations)
			}
			for _, event := range []string{"transactions", "dead letters", "operations answered from the ledger"} {
				if report.Events[event] == 0 {
					t.Errorf("the run tells nothing: no %s", event)
				}
			}
		})
	}
}

func onEngine(t *testing.T, server string, open func(context.Context, *privateserver.Server) (Database, error), binary string, length, drain time.Duration) *Report {
	t.Helper()
	db, err := open(t.Context(), privateserver.Start(t, server))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	report, err := Run(t.Context(), Options{
		Seed: seed(t), Time: length, Drain: drain, Devices: 12, Tenants: 4, Binary: binary, Dir: t.TempDir(), Database: db,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return report
}
