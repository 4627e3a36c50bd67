package files

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Two users and a group that nobody needs to know.
const (
	service      = 65534
	another      = 65533
	serviceGroup = 65532
)

// asRoot skips a test that only root can do, and returns a folder that everybody may write to.
func asRoot(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of other users")
	}
	dir := t.TempDir()
	for _, folder := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(folder, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func owned(t *testing.T, path string, user, group int) string {
	t.Helper()
	if err := os.WriteFile(path, []byte("former"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, user, group); err != nil {
		t.Fatal(err)
	}
	return path
}

func belongs(t *testing.T, path string, user, group int) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if u, g := ownerOf(info); u != user || g != group {
		t.Errorf("%s belongs to %d:%d, want %d:%d", filepath.Base(path), u, g, user, group)
	}
}

// change replaces a file under its lock.
func change(t *testing.T, path string) error {
	lock, err := LockBeside(t.Context(), path, time.Minute)
	if err != nil {
		return err
	}
	return errors.Join(Replace(path, []byte("latter")), lock.Close())
}

// TestOwnerStays has root replace what belongs to a service, which has to read it afterwards.
func TestOwnerStays(t *testing.T) {
	dir := asRoot(t)
	for name, tt := range map[string]struct{ user, group int }{
		"of a service": {service, serviceGroup}, "of root and a group": {0, serviceGroup}, "of root": {0, 0},
	} {
		path := owned(t, filepath.Join(dir, name), tt.user, tt.group)
		if err := change(t, path); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "latter" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		belongs(t, path, tt.user, tt.group)
		belongs(t, path+".lock", tt.user, tt.group)
	}
}

// TestFirstOfRoot has root make what a service, to which the folder belongs, is to read.
func TestFirstOfRoot(t *testing.T) {
	dir := asRoot(t)
	if err := os.Chown(dir, service, serviceGroup); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "keys.json")
	if err := change(t, path); err != nil {
		t.Fatal(err)
	}
	belongs(t, path, service, serviceGroup)
	belongs(t, path+".lock", service, serviceGroup)
}

// TestLinksAreNotGivenAway has a service try to be given a file of somebody else, by a link in the lock's place.
func TestLinksAreNotGivenAway(t *testing.T) {
	dir := asRoot(t)
	path := owned(t, filepath.Join(dir, "keys.json"), service, serviceGroup)
	victim := owned(t, filepath.Join(dir, "shadow"), 0, 0)
	if err := os.Symlink(victim, path+".lock"); err != nil {
		t.Fatal(err)
	}
	if err := change(t, path); err != nil {
		t.Error(err)
	}
	belongs(t, victim, 0, 0)
	if err := os.Remove(victim); err != nil {
		t.Fatal(err)
	}
	if err := change(t, path); err == nil {
		t.Error("a file is made behind a link")
	}
	if _, err := os.Stat(victim); err == nil {
		t.Error("a file was made behind a link")
	}
}

// TestOwnerCantStay has another user than root, who may do anything in the folder, replace what belongs to the service.
func TestOwnerCantStay(t *testing.T) {
	if path := os.Getenv("CHANGE"); path != "" { // the other user
		if err := change(t, path); err == nil || !strings.Contains(err.Error(), "is a file of user 65534, who could not read what user 65533 writes") {
			t.Errorf("%v", err)
		}
		if err := Replace(path, nil); err == nil {
			t.Error("replaced")
		}
		return
	}
	dir := asRoot(t)
	path := owned(t, filepath.Join(dir, "keys.json"), service, serviceGroup)
	if out, err := asAnother(t, "TestOwnerCantStay", path); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	belongs(t, path, service, serviceGroup)
	if text, err := os.ReadFile(path); err != nil || string(text) != "former" {
		t.Errorf("%q, %v", text, err)
	}
	sees(t, dir, "keys.json")
}

// TestRootNeedsNoFile has another user replace what belongs to root, who can read everything.
func TestRootNeedsNoFile(t *testing.T) {
	if path := os.Getenv("CHANGE"); path != "" { // the other user
		if err := change(t, path); err != nil {
			t.Error(err)
		}
		return
	}
	path := owned(t, filepath.Join(asRoot(t), "keys.json"), 0, serviceGroup)
	if out, err := asAnother(t, "TestRootNeedsNoFile", path); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	belongs(t, path, another, another)
	belongs(t, path+".lock", another, another)
}

// asAnother runs a test of this file again, as the other user, who gets the path from the environment.
func asAnother(t *testing.T, test, path string) ([]byte, error) {
	t.Helper()
	dir := filepath.Dir(path)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+test+"$") // wherever that is, it can be run from here
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CHANGE="+path, "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: another, Gid: another}}
	return cmd.CombinedOutput()
}
