// Package privateserver gives tests a database server that they may stop, kill and misconfigure.
package privateserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Server is a server of testdata/engines. Its data outlive [Server.Stop] and [Server.Kill].
type Server struct {
	// Dir holds all that the server leaves behind.
	Dir string
	// DSN is what the tests of its engine take, with all rights.
	DSN string

	script, engine string
}

// Start starts postgres, mysql, mariadb or mongodb, which is documentdb and not mongod, until the test is over. Where it is
// not installed and can't be, the test is skipped, and fails where WRITEGATE_TEST_ALL is 1.
func Start(t testing.TB, engine string) *Server {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	script := filepath.Join(filepath.Dir(here), "..", "..", "testdata", "engines", "engines.sh")
	if out, err := exec.CommandContext(t.Context(), script, "can", engine).CombinedOutput(); err != nil {
		if os.Getenv("WRITEGATE_TEST_ALL") == "1" {
			t.Fatalf("no %s can be started here: %s", engine, out)
		}
		t.Skipf("no %s can be started here: %s", engine, out)
	}
	s := &Server{Dir: t.TempDir(), script: script, engine: engine}
	if err := os.Chmod(filepath.Dir(s.Dir), 0o755); err != nil { // else it is closed to the user who runs the server
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.run(context.Background(), "down", s.Dir); err != nil {
			t.Error(err)
		}
	})
	out, err := s.run(t.Context(), "up", s.Dir, engine)
	if err != nil {
		t.Fatal(err)
	}
	_, quoted, _ := strings.Cut(strings.TrimSpace(out), "='")
	s.DSN = strings.TrimSuffix(quoted, "'")
	return s
}

func (s *Server) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.script, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("engines.sh %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return string(out), nil
}

// Stop stops it in order.
func (s *Server) Stop(ctx context.Context) error {
	_, err := s.run(ctx, "stop", s.Dir, s.engine)
	return err
}

// Up starts it again, with the same data and on the same port.
func (s *Server) Up(ctx context.Context) error {
	_, err := s.run(ctx, "up", s.Dir, s.engine)
	return err
}

// Kill ends one of its processes without a word, the engine itself or a part of it such as docgw, and waits until it is gone.
func (s *Server) Kill(part string) func(context.Context) error {
	return func(ctx context.Context) error {
		text, err := os.ReadFile(filepath.Join(s.Dir, part+".pid"))
		if err != nil {
			return err
		}
		var pid int
		if _, err := fmt.Sscan(string(text), &pid); err != nil {
			return err
		}
		process, err := os.FindProcess(pid)
		if err != nil {
			return err
		}
		if err := process.Kill(); err != nil {
			return err
		}
		for begun := time.Now(); runs(pid); time.Sleep(5 * time.Millisecond) {
			if time.Since(begun) > 20*time.Second || ctx.Err() != nil {
				return fmt.Errorf("%s was killed and goes on", part)
			}
		}
		return nil
	}
}

// runs tells of a process that is not our child whether it is there and more than a zombie.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z")
}
