// Package daemontest runs the real daemon for tests that kill it.
package daemontest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Build builds the daemon with its failpoints, and returns where it is. The arguments are for go build.
func Build(t testing.TB, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "writegate")
	args = append(append([]string{"build", "-tags", "failpoint", "-o", path}, args...), "writegate/cmd/writegate")
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// FreeAddr is an address of loopback that nobody listens on.
func FreeAddr(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Daemon says how to start one.
type Daemon struct {
	Binary, Config, Addr string
	// Env is added to the environment of this process.
	Env []string
	// Log is a file that gets what it says, behind what is there.
	Log string
}

// Process is a running daemon.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// startTime bounds how long a daemon may take until it listens.
const startTime = 20 * time.Second

// Start starts a daemon and waits until it listens, or was killed before it did. It is killed when ctx ends.
func (d *Daemon) Start(ctx context.Context) (*Process, error) {
	cmd := exec.CommandContext(ctx, d.Binary, "serve", "--config", d.Config)
	cmd.Env = append(os.Environ(), d.Env...)
	log, err := os.OpenFile(d.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		log.Close()
		close(p.done)
	}()
	for begun := time.Now(); time.Since(begun) < startTime; {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", d.Addr)
		if err == nil {
			conn.Close()
			return p, nil
		}
		select {
		case <-p.done:
			if p.Signaled() {
				return p, nil
			}
			return nil, fmt.Errorf("the daemon ended at once: %w\n%s", p.Err(), Tail(d.Log))
		case <-time.After(10 * time.Millisecond):
		}
	}
	_ = p.Kill()
	return nil, fmt.Errorf("the daemon does not listen on %s\n%s", d.Addr, Tail(d.Log))
}

// ID is that of the process.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how a process ended that is done, nil when it did so in order.
func (p *Process) Err() error { return p.err }

// Signaled tells of a process that is done whether a signal ended it.
func (p *Process) Signaled() bool {
	exit, ok := errors.AsType[*exec.ExitError](p.err)
	return ok && exit.ProcessState.Sys().(syscall.WaitStatus).Signaled()
}

// Kill ends it as kill -9 does, and does not wait.
func (p *Process) Kill() error { return p.signal(syscall.SIGKILL) }

// Stop asks it to end in order, and does not wait.
func (p *Process) Stop() error { return p.signal(syscall.SIGTERM) }

// Reload asks it to read its policy again.
func (p *Process) Reload() error { return p.signal(syscall.SIGHUP) }

func (p *Process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Tail returns the last lines of a file, or why it can't be read.
func Tail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	var lines []string
	for s := bufio.NewScanner(f); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
