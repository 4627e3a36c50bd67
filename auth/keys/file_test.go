package keys

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestStores has the stores of this package keep their promises.
func TestStores(t *testing.T) {
	for name, store := range map[string]Store{"memory": &inMemory{}, "file": InFile(filepath.Join(t.TempDir(), "keys.json"))} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			check := func(wantDoc string, wantVersion int64) {
				t.Helper()
				doc, version, err := store.Load(ctx)
				if err != nil || version != wantVersion || strings.Join(strings.Fields(string(doc)), "") != wantDoc {
					t.Fatalf("%s, %d, %v, want %s, %d", doc, version, err, wantDoc, wantVersion)
				}
			}
			swap := func(doc string, version int64, want bool) {
				t.Helper()
				if done, err := store.Swap(ctx, []byte(doc), version); err != nil || done != want {
					t.Fatalf("version %d: %v, %v", version, done, err)
				}
			}
			check("", 0)
			swap(`{"a":1}`, 1, false)
			check("", 0)
			swap(`{"a":1}`, 0, true)
			check(`{"a":1}`, 1)
			swap(`{"a":2}`, 0, false)
			swap(`{"a":2}`, 2, false)
			swap(`{"a":2}`, 1, true)
			check(`{"a":2}`, 2)

			var won atomic.Int64
			for round := range int64(20) {
				var all sync.WaitGroup
				for range 4 {
					all.Go(func() {
						done, err := store.Swap(ctx, []byte(`{}`), 2+round)
						if err != nil {
							t.Error(err)
						}
						if done {
							won.Add(1)
						}
					})
				}
				all.Wait()
			}
			if won.Load() != 20 {
				t.Errorf("%d of 20 rounds were won", won.Load())
			}
		})
	}
}

func TestFileFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	store := InFile(path)
	for _, tt := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{`{"version":1,"document":{}}`, 0o640, "chmod 600"},
		{`{"version":1,"document":{}}`, 0o604, "chmod 600"},
		{"", 0o600, "not a file of keys"},
		{`{"version":0,"document":{}}`, 0o600, "not a file of keys"},
	} {
		if err := os.WriteFile(path, []byte(tt.text), tt.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		_, _, err := store.Load(t.Context())
		_, swapErr := store.Swap(t.Context(), []byte("{}"), 1)
		for _, err := range []error{err, swapErr} {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q, mode %o: %v", tt.text, tt.mode, err)
			}
		}
	}
	if _, _, err := InFile(t.TempDir()).Load(t.Context()); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := InFile(filepath.Join(t.TempDir(), "none", "keys.json")).Swap(t.Context(), []byte("{}"), 0); err == nil {
		t.Error("no error for a folder that isn't there")
	}
}

func TestFileIsClosed(t *testing.T) {
	dir := t.TempDir()
	store := InFile(filepath.Join(dir, "keys.json"))
	if done, err := store.Swap(t.Context(), []byte("{}"), 0); err != nil || !done {
		t.Fatal(done, err)
	}
	for _, name := range []string{"keys.json", "keys.json.lock"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}
