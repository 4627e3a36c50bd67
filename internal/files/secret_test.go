package files

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		mode      fs.FileMode
		owner, us int
		want      string
	}{
		{0o600, 1000, 1000, ""},
		{0o400, 1000, 1000, ""},
		{0o640, 1000, 1000, "may be read by others (mode 640); run chmod 600 on it"},
		{0o604, 1000, 1000, "may be read by others (mode 604); run chmod 600 on it"},
		{0o620, 1000, 1000, "may be read by others (mode 620); run chmod 600 on it"},
		{0o440, 0, 1000, ""},
		{0o640, 0, 1000, ""},
		{0o660, 0, 1000, "may be read by others (mode 660); run chmod 640 on it"},
		{0o644, 0, 1000, "may be read by others (mode 644); run chmod 640 on it"},
		{0o640, 1000, 0, "may be read by others (mode 640); run chmod 600 on it"}, // Root needs no group.
		{0o640, 0, 0, "may be read by others (mode 640); run chmod 600 on it"},
		{0o600, 0, 0, ""},
	} {
		got := ""
		if err := judge(tt.mode, tt.owner, tt.us); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%o of %d for %d: %q, want %q", tt.mode, tt.owner, tt.us, got, tt.want)
		}
	}
}

func TestCheckSecret(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no modes here")
	}
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckSecret(f); err != nil {
		t.Error(err)
	}
	if err := f.Chmod(0o644); err != nil {
		t.Fatal(err)
	}
	if err := CheckSecret(f); err == nil || err.Error() != "may be read by others (mode 644); run chmod 600 on it" {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := CheckSecret(f); err == nil || err.Error() != "can't be looked at: file already closed" {
		t.Error(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := CheckSecret(r); err != nil {
		t.Errorf("a pipe: %v", err)
	}
}
