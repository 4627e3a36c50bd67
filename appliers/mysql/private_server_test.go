package mysql

import (
	"context"
	"database/sql"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// private is a server of the test's own, whose settings may change.
type private struct {
	*engine
	args  []string
	owner *syscall.Credential // who runs it
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
}

// newPrivate starts one as testdata/engines does, with more options. Where that can't be it returns nil and why.
func newPrivate(t *testing.T, name string, options ...string) (p *private, why string) {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("..", "..", "testdata", "engines", "engines.sh"))
	if err != nil {
		t.Fatal(err)
	}
	engines := func(args ...string) (string, string, error) {
		var said strings.Builder
		cmd := exec.CommandContext(context.Background(), script, args...)
		cmd.Stderr = &said
		out, err := cmd.Output()
		return string(out), said.String(), err
	}
	if _, said, err := engines("can", name); err != nil {
		return nil, "it can't be installed here: " + said
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // else it is closed to the user who runs the server
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, said, err := engines("down", dir); err != nil {
			t.Errorf("%v: %s", err, said)
		}
	})
	url, said, err := engines("up", dir, name)
	if err != nil {
		return nil, "it does not start: " + said
	}
	_, quoted, _ := strings.Cut(strings.TrimSpace(url), "='")
	dsn, err := mysql.ParseDSN(strings.TrimSuffix(quoted, "'"))
	if err != nil {
		t.Fatal(err)
	}
	p = &private{engine: &engine{name, dsn}}
	p.read(t, dir)
	if _, said, err := engines("stop", dir, name); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	p.args = append(p.args, options...)
	t.Cleanup(p.stop)
	p.start(t)
	return p, ""
}

// read learns how the server was started.
func (p *private) read(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, p.name+".pid"))
	if err != nil {
		t.Fatal(err)
	}
	proc := filepath.Join("/proc", strings.Fields(string(text))[0])
	args, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	if err != nil {
		t.Fatal(err)
	}
	p.args = strings.Split(strings.TrimSuffix(string(args), "\x00"), "\x00")
	info, err := os.Stat(proc)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); int(owner.Uid) != os.Geteuid() {
		p.owner = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
	}
}

// start starts it, with more options.
func (p *private) start(t *testing.T, options ...string) {
	t.Helper()
	var said strings.Builder
	p.cmd = exec.CommandContext(context.Background(), p.args[0], append(p.args[1:len(p.args):len(p.args)], options...)...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = &said, &said, &syscall.SysProcAttr{Credential: p.owner}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := p.cmd, make(chan struct{})
	p.ended = ended
	go func() {
		_ = cmd.Wait() // it says that the server was asked to end, or why it could not start
		close(ended)
	}()
	db := p.side(t, "", nil)
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := db.PingContext(context.Background()) // also from a cleanup
		if err == nil {
			break
		}
		if time.Since(begun) > 60*time.Second {
			_ = p.cmd.Process.Kill()
			<-ended
		}
		select {
		case <-ended:
			t.Fatalf("%s does not start with %v: %v: %s", p.name, options, err, said.String())
		default:
		}
	}
	_ = db.Close()
}

// restart has it run with more options until the test ends.
func (p *private) restart(t *testing.T, options ...string) {
	t.Helper()
	p.stop()
	t.Cleanup(func() { p.stop(); p.start(t) })
	p.start(t, options...)
}

// stop ends it, or waits until it has ended.
func (p *private) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.ended
}

// set changes a global variable until the test ends.
func (p *private) set(t *testing.T, variable, value string) {
	t.Helper()
	old := p.scalar(t, "", "SELECT @@global."+variable)
	t.Cleanup(func() { p.restore(t, variable, old) })
	p.run(t, "", "SET GLOBAL "+variable+" = "+value)
}

// restore gives a global variable its value back. The server may not have noticed yet that connections which filled it have
// ended.
func (p *private) restore(t *testing.T, variable, value string) {
	t.Helper()
	db := p.side(t, "", nil)
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		_, err := db.ExecContext(context.Background(), "SET GLOBAL "+variable+" = "+value) // from a cleanup
		if err == nil {
			break
		}
		if time.Since(begun) > 60*time.Second {
			t.Fatalf("SET GLOBAL %s: %v", variable, err)
		}
	}
	_ = db.Close()
}

// noThreads lets the server start no more threads until the test ends.
func (p *private) noThreads(t *testing.T) {
	t.Helper()
	prlimit := func(args ...string) string {
		cmd := exec.CommandContext(context.Background(), "prlimit", append([]string{"--pid", strconv.Itoa(p.cmd.Process.Pid)}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("prlimit %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	old := prlimit("--nproc", "--output=SOFT", "--noheadings", "--raw")
	t.Cleanup(func() { prlimit("--nproc=" + old + ":") })
	prlimit("--nproc=1:")
}

// hold opens connections, at most so many and at most until the server gives no more, and keeps them until the test ends.
func hold(t *testing.T, dsn *mysql.Config, most int) {
	t.Helper()
	connector, err := mysql.NewConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	for i := range most {
		conn, err := db.Conn(t.Context())
		if err != nil && i == 0 {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}

// afar is a network whose connections don't come from the address of the machine itself.
const afar = "tcpafar"

func dialAfar(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	return d.DialContext(ctx, "tcp", addr)
}
