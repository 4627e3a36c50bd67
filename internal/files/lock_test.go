package files

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	first, err := LockBeside(t.Context(), path, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockBeside(t.Context(), path, time.Millisecond); !errors.Is(err, ErrLocked) {
		t.Errorf("locked twice: %v", err)
	}
	gone := errors.New("nobody waits")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := LockBeside(ctx, path, time.Minute); !errors.Is(err, gone) {
		t.Errorf("when nobody waits: %v", err)
	}
	got := make(chan error)
	var closed atomic.Bool
	go func() {
		second, err := LockBeside(t.Context(), path, time.Minute)
		if !closed.Load() {
			err = errors.Join(err, errors.New("the second has the lock before the first is done"))
		}
		got <- errors.Join(err, second.Close())
	}()
	closed.Store(true)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path + ".lock"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file itself was made")
	}
	if _, err := LockBeside(t.Context(), filepath.Join(path, "none", "keys.json"), time.Minute); err == nil {
		t.Error("no error for a folder that isn't there")
	}
}
