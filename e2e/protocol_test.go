package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
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
			for k, v := range op.Data {
				old[k] = v
			}
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

// TestProtocol runs the real client against the development sync and a backend of ten lines, with both ways
// in which clients ask for write checkpoints.
func TestProtocol(t *testing.T) {
	node := needNode(t)
	for _, checkpoints := range []string{"legacy", "requests"} {
		t.Run(checkpoints, func(t *testing.T) {
			t.Parallel()
			backend := &plainBackend{tables: map[string]map[string]map[string]any{}}
			sync := devsync.New(devsync.Options{
				Source: backend,
				Tables: func() []string { return []string{"lists", "todos", "samples"} },
				Authenticate: func(_ context.Context, token string) (string, time.Time, error) {
					if token != "good" {
						return "", time.Time{}, errors.New("not good")
					}
					return "u1", time.Now().Add(time.Minute), nil
				},
				Poll: 50 * time.Millisecond,
			})
			mux := http.NewServeMux()
			mux.Handle("/api/data", backend)
			for path, h := range sync.Handlers() {
				mux.Handle(path, h)
			}
			srv := httptest.NewServer(mux)
			t.Cleanup(srv.Close)
			t.Cleanup(sync.Close)
			res := node.roundtrip(t, script{
				Style: "demo", Sync: srv.URL, Upload: srv.URL, Token: "good", User: "u1", Checkpoints: checkpoints,
			})
			if len(res.Errors) > 0 {
				t.Errorf("connector errors: %q", res.Errors)
			}
		})
	}
}
