package postgres

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"writegate"
)

// pooler starts pgbouncer in transaction mode in front of a database and returns the DSN through it.
func pooler(t *testing.T, dsn string) string {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv("WRITEGATE_TEST_ALL") == "1" {
			t.Fatal("pgbouncer is not on the PATH")
		}
		t.Skip("pgbouncer is not on the PATH")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	config := fmt.Sprintf("[databases]\n* = host=%s port=%s user=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n",
		u.Hostname(), u.Port(), u.User.Username(), port)
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // another user reads it
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, file)
	if nobody, err := user.Lookup("nobody"); err == nil && os.Getuid() == 0 { // it refuses to run as root
		uid, _ := strconv.Atoi(nobody.Uid)
		gid, _ := strconv.Atoi(nobody.Gid)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for range 200 {
		conn, err := net.Dial("tcp", u.Host)
		if err == nil {
			_ = conn.Close()
			return u.String()
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("pgbouncer does not listen")
	return ""
}

func TestBehindPooler(t *testing.T) {
	delegate := role(t, "nologin")
	dsn := database(t, todoSetup, rlsSetup+delegate)
	through := pooler(t, dsn)
	for i, mode := range []string{"exec", "cache_describe"} {
		t.Run(mode, func(t *testing.T) {
			db := open(t, Config{DSN: through + "&default_query_exec_mode=" + mode, RLS: &RLS{Role: delegate}, Schema: "own_" + mode})
			notes := tables(t, db, "notes", "lists")["notes"]
			reads := []writegate.Read{{Table: notes, Keys: []any{"n1", "n2"}, Columns: []string{"owner", "text"}, Lock: writegate.ForUpdate}}
			errs := make(chan error)
			const uploads = 20
			for n := range uploads {
				go func() {
					var changes []writegate.Change
					for j := range mergeFrom + 1 {
						changes = append(changes, insert(notes, fmt.Sprintf("%d-%d-%d", i, n, j), writegate.Row{"text": nil}))
					}
					changes = append(changes, update(notes, "n1", writegate.Row{"text": mode}))
					errs <- chunk(t.Context(), db, int64(1+n*100), reads, changes)
				}()
			}
			for range uploads {
				if err := <-errs; err != nil {
					t.Error(err, writegate.AsError(err).Cause)
				}
			}
			if got := scalar(t, dsn, "select count(*)::text from own_"+mode+".writegate_ledger"); got != strconv.Itoa(uploads) {
				t.Errorf("%s ledger rows, want %d", got, uploads)
			}
			if got := tell(write(t, db, insert(notes, "x", writegate.Row{"owner": "u2"}))); got.Reason != "not_writable" {
				t.Errorf("got %+v", got)
			}
			if err := db.Snapshot(t.Context(), []string{"notes"}, func(string, string, []byte) error { return nil }); err != nil {
				t.Error(err)
			}
			if n, err := db.Checkpoint(t.Context(), "u1", "d1"); n != 1 || err != nil {
				t.Errorf("checkpoint %d, %v", n, err)
			}
		})
	}
}

// TestTypesInTextMode reads every type as text, as it is without prepared statements.
func TestTypesInTextMode(t *testing.T) {
	dsn := database(t, `create table things (id int primary key, b bool, i bigint, s smallint, r float8, f real, n numeric, ts timestamptz, local timestamp, d date, bin bytea, arr timestamptz[]);
		insert into things values (1, true, -9223372036854775808, 3, 0.1, 0.1, 1.50, '2026-01-02 01:04:05.678901Z', '-infinity', 'infinity', '\x00ff', '{2026-01-02 01:04:05Z}')`)
	names := []string{"arr", "b", "bin", "d", "f", "i", "local", "n", "r", "s", "ts"}
	read := func(options string) writegate.Row {
		db := open(t, Config{DSN: dsn + options})
		return load(t, db, writegate.Read{Table: tables(t, db, "things")["things"], Keys: []any{int64(1)}, Columns: names})[0][int64(1)]
	}
	binary, text := read(""), read("&default_query_exec_mode=exec&timezone=Asia/Kolkata")
	for _, name := range names {
		if !writegate.SameValue(binary[name], text[name]) {
			t.Errorf("%s: %#v in binary, %#v in text", name, binary[name], text[name])
		}
	}
}
