package mysql

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"writegate"
	"writegate/appliers/applierstest"
)

// privateCases makes a server of the test's own fail by its settings, and by its end.
type privateCases struct {
	*errorCases
	p   *private
	why string // there is none
}

func newPrivateCases(t *testing.T, name string) (c *privateCases, version string) {
	t.Helper()
	options := []string{"--disconnect-on-expired-password=0", "--max-user-connections=300", "--innodb-buffer-pool-size=6M"}
	if name == "mariadb" {
		options = append(options, "--log-bin=binlog")
	}
	c = &privateCases{}
	if c.p, c.why = newPrivate(t, name, options...); c.p == nil {
		return c, ""
	}
	mysql.RegisterDialContext(afar, dialAfar)
	t.Cleanup(func() { mysql.DeregisterDialContext(afar) })
	c.errorCases = newErrorCases(t, c.p.engine)
	version, err := c.db.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, version
}

func (c *privateCases) all(mariadb bool) []applierstest.ErrorCase {
	is := func(class writegate.Class, code writegate.Code) func(number, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		return func(number, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
			return applierstest.ErrorCase{Number: number, Class: class, Code: code, How: how, Provoke: c.here(provoke)}
		}
	}
	later, held := is(writegate.Retry, writegate.Unavailable), is(writegate.Operator, writegate.Internal)
	cache := later("1197", "a transaction larger than `max_binlog_cache_size`", c.cacheFull)
	cache.Reason = writegate.ReasonTimeout
	locks := later("1206", "locks fill `innodb_buffer_pool_size`", c.lockTableFull)
	locks.Reason = writegate.ReasonTimeout
	down := later("", "`SHUTDOWN` while a statement runs: the server says nothing more", c.shutdown)
	down.Name = "server shut down"
	cases := []applierstest.ErrorCase{
		later("1290", "`read_only`, which holds for logins without the right to change it", c.readOnlyServer),
		later("1040", "more connections than `max_connections`", c.full("max_connections", "10")),
		later("1203", "more connections of one login than `max_user_connections`", c.full("max_user_connections", "3")),
		later("1226", "more connections than the login's `MAX_USER_CONNECTIONS`", c.userFull),
		later("1129", "`max_connect_errors` broken handshakes", c.blocked),
		later("1130", "a client at an address that no login is for", c.stranger),
		later("1135", "the server may start no more threads", c.noThreads),
		later("1114", "`innodb_data_file_path` has reached its `max`", c.tableFull),
		later("1223", "`FLUSH TABLES WITH READ LOCK`", c.readLock),
		cache, locks, down,
		held("1153", "`max_allowed_packet` became smaller after the driver asked for it", c.packet),
		held("1665", "`binlog_format = STATEMENT`, where our isolation takes rows", c.says("INSERT INTO ruled VALUES ('q', 'q')", "SET SESSION binlog_format = 'STATEMENT'")),
	}
	if mariadb {
		readOnly := held("1036", "`innodb_read_only`", c.innodbReadOnly(false))
		readOnly.Name = "ER_OPEN_AS_READONLY"
		return append(cases, readOnly,
			later("1862", "`PASSWORD EXPIRE`, with `disconnect_on_expired_password`", c.expired),
			later("4150", "`max_password_errors` wrong passwords", c.passwordErrors))
	}
	readOnly := held("1015", "`innodb_read_only`", c.innodbReadOnly(false))
	readOnly.Name = "ER_CANT_LOCK"
	crosswise := is(writegate.Rerun, writegate.Conflict)("3132", "two transactions take two locks of `locking_service` crosswise", c.lockingService)
	return append(cases, readOnly, crosswise,
		later("1290", "`super_read_only`, which holds for all", c.superReadOnly),
		later("1836", "`innodb_read_only`, when our own tables have to be made", c.innodbReadOnly(true)),
		later("1820", "`PASSWORD EXPIRE`, without `disconnect_on_expired_password`", func(t *testing.T) error { return c.asUser("PASSWORD EXPIRE", nil)(t) }),
		later("1698", "a login by `auth_socket`, over TCP", c.authSocket),
		later("3032", "`offline_mode`", c.offline))
}

// here skips, or fails where every server is wanted, when there is no private one.
func (c *privateCases) here(provoke func(*testing.T) error) func(*testing.T) error {
	return func(t *testing.T) error {
		if c.p == nil && os.Getenv("WRITEGATE_TEST_ALL") == "1" {
			t.Fatal("no private server: " + c.why)
		}
		if c.p == nil {
			t.Skip("no private server: " + c.why)
		}
		return provoke(t)
	}
}

func (c *privateCases) row() writegate.Change {
	return put(c.schema["lists"], "x", writegate.Row{"name": "x", "must": int64(1)})
}

// limited is the configuration of a login that has no rights but on the data.
func (c *privateCases) limited(t *testing.T, options string) (Config, *mysql.Config) {
	t.Helper()
	dsn := c.e.dsn.Clone()
	dsn.User, dsn.DBName = c.user(t, options), c.name
	c.e.run(t, "", "GRANT ALL ON "+c.name+".* TO "+dsn.User+"@'%'", "GRANT ALL ON "+c.name+"_own.* TO "+dsn.User+"@'%'")
	cfg := c.e.config(c.name)
	cfg.DSN = dsn.FormatDSN()
	return cfg, dsn
}

func tryOpen(t *testing.T, cfg Config) error {
	t.Helper()
	db, err := Open(t.Context(), cfg)
	if err == nil {
		_ = db.Close()
	}
	return err
}

func (c *privateCases) readOnlyServer(t *testing.T) error {
	cfg, _ := c.limited(t, "")
	db := open(t, cfg)
	c.p.set(t, "read_only", "1")
	return write(t, db, c.row())
}

func (c *privateCases) superReadOnly(t *testing.T) error {
	c.p.set(t, "read_only", "1")
	c.p.set(t, "super_read_only", "1")
	return write(t, c.db, c.row())
}

func (c *privateCases) offline(t *testing.T) error {
	cfg, _ := c.limited(t, "")
	c.p.set(t, "offline_mode", "1")
	return tryOpen(t, cfg)
}

func (c *privateCases) full(variable, most string) func(*testing.T) error {
	return func(t *testing.T) error {
		cfg, dsn := c.limited(t, "")
		c.p.set(t, variable, most)
		hold(t, dsn, 40)
		return tryOpen(t, cfg)
	}
}

func (c *privateCases) userFull(t *testing.T) error {
	cfg, dsn := c.limited(t, "WITH MAX_USER_CONNECTIONS 1")
	hold(t, dsn, 1)
	return tryOpen(t, cfg)
}

func (c *privateCases) noThreads(t *testing.T) error {
	c.p.set(t, "thread_cache_size", "0")
	hold(t, c.e.dsn, 20) // those that have been cached
	c.p.noThreads(t)
	return tryOpen(t, c.e.config(c.name))
}

func (c *privateCases) stranger(t *testing.T) error {
	c.e.run(t, "", "FLUSH PRIVILEGES") // forgets that there were logins for all addresses
	return c.fromAfar(t)
}

func (c *privateCases) fromAfar(t *testing.T) error {
	return c.opens(func(cfg *mysql.Config) { cfg.Net = afar })(t)
}

func (c *privateCases) blocked(t *testing.T) error {
	c.user(t, "") // from everywhere
	c.p.set(t, "max_connect_errors", "1")
	for begun := time.Now(); time.Since(begun) < 5*time.Second; time.Sleep(20 * time.Millisecond) {
		conn, err := dialAfar(t.Context(), c.e.dsn.Addr)
		if err != nil {
			t.Fatal(err)
		}
		greeting := make([]byte, 5)
		_, err = io.ReadFull(conn, greeting)
		_ = conn.Close()
		if err != nil {
			t.Fatal(err)
		}
		if greeting[4] == 0xff { // an error
			break
		}
	}
	return c.fromAfar(t)
}

// tableFull fills the file in which MariaDB has all else too, such as what it needs to roll back and to drop a table.
func (c *privateCases) tableFull(t *testing.T) error {
	c.p.restart(t, "--innodb-data-file-path=ibdata1:12M:autoextend:max:14M", "--innodb-file-per-table=0")
	c.e.run(t, c.name, "CREATE TABLE large (id varchar(40) PRIMARY KEY, doc longtext)")
	large := tables(t, c.db, "large")["large"]
	for i := range 10 {
		if err := write(t, c.db, put(large, fmt.Sprint(i), writegate.Row{"doc": strings.Repeat("x", 2<<20)})); err != nil {
			return err
		}
	}
	return nil
}

func (c *privateCases) readLock(t *testing.T) error {
	return c.says("INSERT INTO ruled VALUES ('q', 'q')", "FLUSH TABLES WITH READ LOCK")(t)
}

func (c *privateCases) cacheFull(t *testing.T) error {
	c.p.set(t, "max_binlog_cache_size", "4096")
	return write(t, open(t, c.e.config(c.name)), put(c.schema["odd"], "x", writegate.Row{"short": "x", "doc": `"` + strings.Repeat("x", 100<<10) + `"`}))
}

// lockTableFull has transactions lock many rows, until an update that can't be made in place finds no memory. Reads would wait for some.
func (c *privateCases) lockTableFull(t *testing.T) error {
	c.e.run(t, c.name, "CREATE TABLE wide (id int PRIMARY KEY, a varchar(7000) NOT NULL) CHARSET latin1",
		"INSERT INTO wide WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 900) SELECT n, REPEAT('x', 7000) FROM r")
	side := c.e.side(t, c.name, nil)
	for n := range int64(250) {
		conn, err := side.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := conn.ExecContext(t.Context(), "BEGIN; SELECT COUNT(a) FROM wide LOCK IN SHARE MODE"); err != nil {
			t.Fatalf("transaction %d: %v", n, err)
		}
		if err := write(t, c.db, patch(c.schema["lists"], "l1", writegate.Row{"name": strings.Repeat("x", int(1+n%2*30))})); err != nil {
			return err
		}
	}
	return nil
}

func (c *privateCases) packet(t *testing.T) error {
	db := open(t, c.e.config(c.name))
	db.pool.SetMaxIdleConns(0) // none is left from before
	c.p.set(t, "max_allowed_packet", "16384")
	return write(t, db, put(c.schema["odd"], "x", writegate.Row{"doc": strings.Repeat("x", 40<<10)}))
}

func (c *privateCases) expired(t *testing.T) error {
	c.p.set(t, "disconnect_on_expired_password", "1")
	return c.asUser("PASSWORD EXPIRE", nil)(t)
}

func (c *privateCases) passwordErrors(t *testing.T) error {
	c.p.set(t, "max_password_errors", "1")
	return c.twiceWrong("")(t)
}

func (c *privateCases) authSocket(t *testing.T) error {
	c.e.run(t, "", "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'")
	t.Cleanup(func() { c.e.run(t, "", "UNINSTALL PLUGIN auth_socket") })
	return c.asUser("IDENTIFIED WITH auth_socket", nil)(t)
}

func (c *privateCases) lockingService(t *testing.T) error {
	c.e.run(t, "", "CREATE FUNCTION service_get_write_locks RETURNS INT SONAME 'locking_service.so'")
	return c.crosswise("SELECT service_get_write_locks('writegate', '%s', 1)")(t)
}

func (c *privateCases) shutdown(t *testing.T) error {
	t.Cleanup(func() { c.p.stop(); c.p.start(t) })
	timer := time.AfterFunc(300*time.Millisecond, func() { c.e.run(t, "", "SHUTDOWN") })
	defer timer.Stop()
	return c.says("SELECT SLEEP(10)")(t)
}

// innodbReadOnly writes a row, or opens anew, which makes our own tables.
func (c *privateCases) innodbReadOnly(anew bool) func(*testing.T) error {
	return func(t *testing.T) error {
		c.p.restart(t, "--innodb-read-only=1")
		if anew {
			return c.opens(func(*mysql.Config) {})(t)
		}
		cfg := c.e.config(c.name)
		cfg.NoOwnTables = true
		return write(t, open(t, cfg), c.row())
	}
}
