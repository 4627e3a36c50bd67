package upkeep

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"writegate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAway = writegate.TryLater(errors.New("dial 10.0.0.7"))

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) log() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// scrape returns what a collector tells Prometheus.
func scrape(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(c); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	return w.Body.String()
}

// keeper has rows that are old and devices that are held, and does what a test has it do.
type keeper struct {
	writegate.Keeper
	mu      sync.Mutex
	err     error
	holder  string // of the lease, empty when it is free
	old     int    // runs that may go
	prunes  []writegate.Expiry
	steps   []int
	inPrune func(ctx context.Context) error
	blocked []writegate.Blocked
	calls   []string
	// inBlock and inBlocked are called when the keeper has done its work and not said so yet.
	inBlock, inBlocked func()
}

func (k *keeper) Lease(_ context.Context, name, holder string, d time.Duration) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if name != "prune" {
		return false, errors.New("another lease")
	}
	if k.holder == "" {
		k.holder = holder
	}
	mine := k.holder == holder && k.err == nil
	if mine && d == 0 {
		k.holder = ""
	}
	return mine, k.err
}

func (k *keeper) Prune(ctx context.Context, before writegate.Expiry, most int) (writegate.Pruned, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.prunes, k.steps = append(k.prunes, before), append(k.steps, most)
	if k.inPrune != nil {
		if err := k.inPrune(ctx); err != nil {
			return writegate.Pruned{}, err
		}
	}
	n := min(most, k.old)
	k.old -= n
	return writegate.Pruned{Runs: n, Letters: n / 2}, k.err
}

func (k *keeper) Block(_ context.Context, devices []writegate.Blocked) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	k.calls = append(k.calls, "block")
	for _, d := range devices {
		at := slices.IndexFunc(k.blocked, func(b writegate.Blocked) bool { return b.ClientID == d.ClientID })
		if at < 0 {
			k.blocked = append(k.blocked, d)
			continue
		}
		d.Since, d.Tries = k.blocked[at].Since, k.blocked[at].Tries+d.Tries
		k.blocked[at] = d
	}
	if k.inBlock != nil {
		k.inBlock()
	}
	return nil
}

func (k *keeper) Unblock(_ context.Context, clientIDs []string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	k.calls = append(k.calls, "unblock")
	k.blocked = slices.DeleteFunc(k.blocked, func(b writegate.Blocked) bool { return slices.Contains(clientIDs, b.ClientID) })
	return nil
}

func (k *keeper) Blocked(context.Context, int) ([]writegate.Blocked, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.inBlocked != nil {
		defer k.inBlocked()
	}
	return slices.Clone(k.blocked), k.err
}

// stored is what the keeper has, by client: since when and how many tries.
func (k *keeper) stored() map[string]writegate.Blocked {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := map[string]writegate.Blocked{}
	for _, b := range k.blocked {
		out[b.ClientID] = b
	}
	return out
}

// told is how often the keeper was told something.
func (k *keeper) told() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.calls)
}

// left is how many rows are still to go, and pruned how many steps there were.
func (k *keeper) left() (rows, pruned int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.old, len(k.steps)
}

func (k *keeper) set(change func(k *keeper)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(k)
}
