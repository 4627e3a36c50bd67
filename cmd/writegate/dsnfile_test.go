package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"writegate/configs"
)

func TestRenewed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dsn")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	if renewed(configs.Database{DSN: "x"}, log) != nil {
		t.Error("an address without a file is renewed")
	}
	renew := renewed(configs.Database{DSN: "first", DSNFile: file}, log)
	if !strings.Contains(out.String(), "can't be read again") {
		t.Errorf("at the start the log says %q", out.String())
	}
	for i, step := range []struct {
		write   func()
		want    string
		log     []string
		silence bool
	}{
		{write: func() {}, want: "first", log: []string{"can't be read again"}},
		{write: func() { write("first\n", 0o600) }, want: "first", silence: true},
		{write: func() { write("hunter2", 0o644) }, want: "first", log: []string{"can't be read again", "may be read by others (mode 644); run chmod 600 on it"}},
		{write: func() { write("hunter2", 0o600) }, want: "hunter2", log: []string{"has changed"}},
		{write: func() {}, want: "hunter2", silence: true},
		{write: func() { write("", 0o600) }, want: "hunter2", log: []string{"is empty"}},
	} {
		out.Reset()
		step.write()
		if got := renew(); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
		for _, part := range step.log {
			if !strings.Contains(out.String(), part) {
				t.Errorf("step %d: the log lacks %q: %s", i, part, out.String())
			}
		}
		if step.silence && out.Len() > 0 || strings.Contains(out.String(), "hunter2") {
			t.Errorf("step %d: the log says %s", i, out.String())
		}
	}
}
