package keys

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFileKeepsOwner has root change the keys of a service that is another user.
func TestFileKeepsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of other users")
	}
	const user, group = 65534, 65533
	path := filepath.Join(t.TempDir(), "keys.json")
	store := InFile(path)
	if done, err := store.Swap(t.Context(), []byte("{}"), 0); err != nil || !done {
		t.Fatal(done, err)
	}
	if err := errors.Join(os.Chown(path, user, group), os.Remove(path+".lock")); err != nil {
		t.Fatal(err)
	}
	if done, err := store.Swap(t.Context(), []byte(`{"a":1}`), 1); err != nil || !done {
		t.Fatal(done, err)
	}
	for _, path := range []string{path, path + ".lock"} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != user || owner.Gid != group || info.Mode() != 0o600 {
			t.Errorf("%s belongs to %d:%d, mode %o", info.Name(), owner.Uid, owner.Gid, info.Mode())
		}
	}
}
