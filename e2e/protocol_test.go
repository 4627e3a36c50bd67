package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"writegate/devsync"
)

// plainBackend takes the demo connector's uploads into a map. It knows nothing of writegate: with it, this
// test is about the sync protocol alone.
type plainBackend struct {
	mu     sync.Mutex
	tables map[string]map[string]map[string]any
}

func (b *plainBackend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Batch []struct {
			Op, Table, ID string
			Data          map[string]any
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, op := range body.Batch {
		rows := b.tables[op.Table]
		if rows == nil {
			rows = map[string]map[string]any{}
			b.tables[op.Table] = rows
		}
		switch old := rows[op.ID]; {
		case op.Op == "DELETE":
			delete(rows, op.ID)
		case op.Op == "PUT" && op.Table == "lists" && op.Data["name"] == nil: // refused
		case op.Op == "PUT":
			rows[op.ID] = op.Data
		case old != nil:
			maps.Copy(old, op.Data)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{}`))
}

func (b *plainBackend) Snapshot(_ context.Context, tables []string, yield func(table, id string, data []byte) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range tables {
		for id, row := range b.tables[t] {
			text, err := json.Marshal(row)
			if err != nil {
				return err
			}
			if err := yield(t, id, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestProtocol runs the real client against the development sync and a backend of ten lines: with both ways
// in which clients ask for write checkpoints, and with a service that is started afresh all the time.
func TestProtocol(t *testing.T) {
	node := needNode(t)
	for _, tc := range []struct {
		name, checkpoints string
		restart           time.Duration
	}{
		{"legacy", "legacy", time.Hour},
		{"requests", "requests", time.Hour},
		{"restarts", "legacy", 300 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			backend := &plainBackend{tables: map[string]map[string]map[string]any{}}
			url := serveRestarting(t, backend, tc.restart)
			res := node.roundtrip(t, script{
				Style: "demo", Sync: url, Upload: url, Token: "good", User: "u1", Checkpoints: tc.checkpoints,
			})
			if len(res.Errors) > 0 {
				t.Errorf("connector errors: %q", res.Errors)
			}
		})
	}
}

// serveRestarting serves the backend and a development sync that is replaced by a new one every so often.
func serveRestarting(t *testing.T, backend *plainBackend, every time.Duration) string {
	var now atomic.Pointer[devsync.Server]
	now.Store(newSync(backend))
	mux := http.NewServeMux()
	mux.Handle("/api/data", backend)
	for path := range now.Load().Handlers() {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { now.Load().Handlers()[path].ServeHTTP(w, r) })
	}
	srv := httptest.NewServer(mux)
	done := make(chan struct{})
	var restarts sync.WaitGroup
	restarts.Go(func() {
		for {
			select {
			case <-done:
				now.Load().Close()
				return
			case <-time.After(every):
				now.Swap(newSync(backend)).Close()
			}
		}
	})
	t.Cleanup(func() {
		close(done)
		restarts.Wait()
		srv.Close()
	})
	return srv.URL
}

func newSync(source devsync.Source) *devsync.Server {
	return devsync.New(devsync.Options{
		Source: source,
		Tables: func() []string { return []string{"lists", "todos", "samples"} },
		Authenticate: func(_ context.Context, token string) (string, time.Time, error) {
			if token != "good" {
				return "", time.Time{}, errors.New("not good")
			}
			return "u1", time.Now().Add(time.Minute), nil
		},
		Poll: 50 * time.Millisecond,
	})
}
