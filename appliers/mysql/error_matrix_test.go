package mysql

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"writegate"
	"writegate/appliers/applierstest"
)

// errorSetup makes tables whose columns are altered after they were introspected, so that the driver lets through what
// only the server then refuses.
var errorSetup = []string{
	"CREATE TABLE lists (id varchar(40) PRIMARY KEY, name varchar(40) NOT NULL, code int UNIQUE, must int NOT NULL)",
	"CREATE TABLE todos (id varchar(40) PRIMARY KEY, list varchar(40), n int, CONSTRAINT positive CHECK (n > 0), FOREIGN KEY (list) REFERENCES lists (id))",
	`CREATE TABLE odd (id varchar(40) PRIMARY KEY, short text, small bigint, choice varchar(20), latin text, at datetime, doc longtext,
		a int, b int, less int unsigned GENERATED ALWAYS AS (a) STORED, part int GENERATED ALWAYS AS (10 / b) STORED, made int, gone int)`,
	"CREATE TABLE ruled (id varchar(40) PRIMARY KEY, a varchar(20))",
	"CREATE TABLE dropped (id varchar(40) PRIMARY KEY)",
	"CREATE VIEW few AS SELECT id, a FROM ruled WHERE a LIKE 'x%' WITH CHECK OPTION",
	"INSERT INTO lists VALUES ('l1', 'a', 1, 1), ('l2', 'b', 2, 1)",
	"INSERT INTO todos VALUES ('t1', 'l1', 1)",
	`CREATE TRIGGER f BEFORE INSERT ON ruled FOR EACH ROW BEGIN
		IF NEW.a = 'signal' THEN SIGNAL SQLSTATE '45000'; END IF;
		IF NEW.a = 'own' THEN SIGNAL SQLSTATE '45123' SET MYSQL_ERRNO = 1146; END IF;
		IF NEW.a = 'notfound' THEN SIGNAL SQLSTATE '02123'; END IF;
		IF NEW.a = 'table' THEN INSERT INTO nowhere VALUES (1); END IF;
		IF NEW.a = 'function' THEN SET NEW.a = nosuchfunction(); END IF;
		IF NEW.a = 'itself' THEN UPDATE ruled SET a = 'y'; END IF;
		IF NEW.a = 'resignal' THEN RESIGNAL; END IF;
	END`,
}

var errorAlters = []string{
	"ALTER TABLE odd MODIFY short varchar(3), MODIFY small tinyint, MODIFY choice enum('a','b'), MODIFY latin varchar(20) CHARACTER SET latin1, MODIFY at timestamp NULL, MODIFY doc json",
	"ALTER TABLE odd DROP made, ADD made int GENERATED ALWAYS AS (a) STORED",
	"ALTER TABLE odd DROP gone",
	"DROP TABLE dropped",
}

// errorCases makes the server itself fail, wherever it can be made to.
type errorCases struct {
	e      *engine
	name   string
	db     *DB
	schema writegate.Schema
}

func newErrorCases(t *testing.T, e *engine) *errorCases {
	t.Helper()
	name := e.database(t, slices.Concat(errorSetup, failingTable(e))...)
	db := open(t, e.config(name))
	c := &errorCases{e, name, db, schemaOf(t, db, writegate.TableRef{Name: "lists"}, writegate.TableRef{Name: "todos"}, writegate.TableRef{Name: "odd"},
		writegate.TableRef{Name: "ruled"}, writegate.TableRef{Name: "dropped"}, writegate.TableRef{Name: "few", Key: "id"})}
	e.run(t, name, errorAlters...)
	return c
}

func TestErrors(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		c := newErrorCases(t, e)
		private, other := newPrivateCases(t, e.name)
		version, err := c.db.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if other != "" && other != version {
			version += ", and where global settings are changed on " + other
		}
		cases := slices.Concat(c.refused(), c.later(), c.held(), c.provoked(), private.all(e.mariadb()))
		var known []string
		for number := range meanings {
			known = append(known, strconv.Itoa(int(number)))
		}
		cases = append(cases, theRest(t, cases, e.mariadb())...)
		names := numberNames(t)
		for i := range cases {
			if cases[i].Name == "" {
				cases[i].Name = names[cases[i].Number]
			}
		}
		slices.SortStableFunc(cases, func(a, b applierstest.ErrorCase) int { return cmp.Compare(a.Class, b.Class) })
		made := put(c.schema["odd"], "x", nil)
		applierstest.ErrorMatrix(t, applierstest.ErrorHarness{
			Name: e.name, Title: titles[e.name], Version: version, Update: *updatePages, Known: known,
			Number: func(err error) string {
				if native, ok := errors.AsType[*mysql.MySQLError](err); ok {
					return strconv.Itoa(int(native.Number))
				}
				return ""
			},
			Classify: func(native error) error { return explain(native, &made) },
		}, cases)
	})
}

// numberNames are what the servers call the numbers, off the comments of the table.
func numberNames(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("numbers.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{strconv.Itoa(lockTimeout): "ER_LOCK_WAIT_TIMEOUT"}
	for _, m := range regexp.MustCompile(`(?m)^\t(\d+): +\w+, +// ([^\n:]+)`).FindAllStringSubmatch(string(text), -1) {
		names[m[1]] = m[2]
	}
	return names
}

// writes provokes by one change. What went before does not stay.
func (c *errorCases) writes(change writegate.Change) func(*testing.T) error {
	return func(t *testing.T) error {
		err := blamed(t, c.db, change)
		if err == nil {
			t.Errorf("the database takes %v", change.Set)
		}
		return err
	}
}

func (c *errorCases) odd(column string, v any) func(*testing.T) error {
	return c.writes(put(c.schema["odd"], "x", writegate.Row{column: v}))
}

func (c *errorCases) ruled(how string) func(*testing.T) error {
	return c.writes(put(c.schema["ruled"], "x", writegate.Row{"a": how}))
}

func (c *errorCases) refused() []applierstest.ErrorCase {
	lists, todos := c.schema["lists"], c.schema["todos"]
	is := func(number string, code writegate.Code, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		return applierstest.ErrorCase{Number: number, Class: writegate.Refused, Code: code, How: how, Provoke: provoke}
	}
	raised := func(number, name, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		return applierstest.ErrorCase{Number: number, Name: name, Class: writegate.Refused, Code: writegate.ConstraintViolation, Reason: "db.raised", How: how, Provoke: provoke}
	}
	late := time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
	cases := []applierstest.ErrorCase{
		is("1048", writegate.NotNullViolation, "a null", c.writes(put(lists, "x", writegate.Row{"name": nil, "must": int64(1)}))),
		is("1364", writegate.NotNullViolation, "a column left out that has no default", c.writes(put(lists, "x", writegate.Row{"name": "x"}))),
		is("1062", writegate.UniqueViolation, "a value twice; on the row's own key it is a race", c.writes(put(lists, "x", writegate.Row{"name": "x", "must": int64(1), "code": int64(1)}))),
		is("1452", writegate.ForeignKeyViolation, "no such parent", c.writes(put(todos, "x", writegate.Row{"list": "nope"}))),
		is("1451", writegate.ForeignKeyViolation, "a parent that is referred to", c.writes(remove(lists, "l1"))),
		is("1369", writegate.CheckViolation, "a row that its view would not show", c.writes(put(c.schema["few"], "x", writegate.Row{"a": "y"}))),
		is("1406", writegate.InvalidData, "text too long for a column that was altered meanwhile", c.odd("short", "abcd")),
		is("1264", writegate.InvalidData, "a number too large for a column that was altered meanwhile", c.odd("small", int64(300))),
		is("1265", writegate.InvalidData, "no member of a column that is an ENUM meanwhile", c.odd("choice", "z")),
		is("1366", writegate.InvalidData, "a character that latin1 has not, in a column that was altered meanwhile", c.odd("latin", "日本語")),
		is("1292", writegate.InvalidData, "a time that a TIMESTAMP has not", c.odd("at", late)),
		is("1365", writegate.InvalidData, "a generated column divides by zero", c.odd("b", int64(0))),
		raised("1644", "", "SIGNAL in a trigger", c.ruled("signal")),
		raised("1643", "", "SIGNAL of not found in a trigger", c.ruled("notfound")),
		raised("1146", "a number of its own with SQLSTATE 45…", "SIGNAL in a trigger", c.ruled("own")),
		raised("1645", "", "RESIGNAL in a trigger", c.ruled("resignal")),
	}
	if c.e.mariadb() {
		return append(cases,
			is("4025", writegate.CheckViolation, "a check; that of a JSON column is INVALID_DATA", c.writes(put(todos, "x", writegate.Row{"n": int64(-1)}))),
			is("1906", writegate.SchemaMismatch, "a value for a column that is generated meanwhile", c.odd("made", int64(1))))
	}
	return append(cases,
		is("3819", writegate.CheckViolation, "a check", c.writes(put(todos, "x", writegate.Row{"n": int64(-1)}))),
		is("3140", writegate.InvalidData, "text that is no JSON in a column that was altered meanwhile", c.odd("doc", "no JSON")),
		is("3105", writegate.SchemaMismatch, "a value for a column that is generated meanwhile", c.odd("made", int64(1))))
}

func (c *errorCases) later() []applierstest.ErrorCase {
	is := func(number, name, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		return applierstest.ErrorCase{Number: number, Name: name, Class: writegate.Retry, Code: writegate.Unavailable, How: how, Provoke: provoke}
	}
	lost := is("", "connection broken", "a network error without a number", nil)
	lost.Native = &net.OpError{Op: "read", Err: errors.New("reset")}
	deadlock := is("1213", "", "two transactions lock two rows crosswise", c.deadlock)
	deadlock.Class, deadlock.Code = writegate.Rerun, writegate.Conflict
	busy := is("1205", "", "a row is locked for longer than we wait", c.lockTimeout)
	killed := is("", "connection killed", "`KILL CONNECTION` of a statement that waits: the server says nothing more", c.killed("KILL %d"))
	slow := is("", "context deadline exceeded", "a statement takes longer than its time", c.slow)
	slow.Reason = writegate.ReasonTimeout
	cases := []applierstest.ErrorCase{
		deadlock, busy, lost, slow,
		is("", "connection refused", "nobody listens", c.opens(func(cfg *mysql.Config) { cfg.Addr = "127.0.0.1:1" })),
		is("1317", "", "`KILL QUERY`", c.killed("KILL QUERY %d")),
		is("1045", "", "a wrong password", c.asUser("IDENTIFIED BY 'Right-1234'", func(cfg *mysql.Config) { cfg.Passwd = "wrong" })),
		is("1049", "", "no such database", c.opens(func(cfg *mysql.Config) { cfg.DBName = "wg_not_there" })),
		is("1226", "", "`MAX_QUERIES_PER_HOUR`", c.asUser("WITH MAX_QUERIES_PER_HOUR 1", nil)),
		is("1792", "", "a session that is read-only", c.readOnly),
	}
	if c.e.mariadb() {
		return append(cases, is("4151", "", "`ACCOUNT LOCK`", c.asUser("ACCOUNT LOCK", nil)), is("1820", "", "`PASSWORD EXPIRE`", c.asUser("PASSWORD EXPIRE", nil)),
			killed)
	}
	return append(cases, is("3118", "", "`ACCOUNT LOCK`", c.asUser("ACCOUNT LOCK", nil)), is("1862", "", "`PASSWORD EXPIRE`", c.asUser("PASSWORD EXPIRE", nil)), killed)
}

func (c *errorCases) held() []applierstest.ErrorCase {
	is := func(number string, code writegate.Code, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		return applierstest.ErrorCase{Number: number, Class: writegate.Operator, Code: code, How: how, Provoke: provoke}
	}
	unknown := is("9999", writegate.Internal, "whatever nobody has thought of", nil)
	unknown.Name, unknown.Native = "(any other)", &mysql.MySQLError{Number: 9999}
	return []applierstest.ErrorCase{
		is("1054", writegate.SchemaMismatch, "a column that was dropped meanwhile", c.odd("gone", int64(1))),
		is("1146", writegate.SchemaMismatch, "a table that was dropped meanwhile", c.writes(put(c.schema["dropped"], "x", nil))),
		is("1142", writegate.SchemaMismatch, "a grant is missing", c.noGrant),
		is("1044", writegate.SchemaMismatch, "no right to make a database for our own tables", c.asUser("", func(cfg *mysql.Config) { cfg.DBName = "" })),
		is("1305", writegate.Internal, "a trigger calls a missing function", c.ruled("function")),
		is("1442", writegate.Internal, "a trigger writes its own table", c.ruled("itself")),
		unknown,
	}
}

func (c *errorCases) opens(change func(*mysql.Config)) func(*testing.T) error {
	return func(t *testing.T) error {
		cfg := c.e.config(c.name)
		dsn, err := mysql.ParseDSN(cfg.DSN)
		if err != nil {
			t.Fatal(err)
		}
		change(dsn)
		cfg.DSN, cfg.Schema = dsn.FormatDSN(), "wg_none_"+strings.ToLower(rand.Text()[:8])
		db, err := Open(t.Context(), cfg)
		if err == nil {
			_ = db.Close()
		}
		return err
	}
}

// user makes a login of its own.
func (c *errorCases) user(t *testing.T, options string) string {
	t.Helper()
	user := "wg_" + strings.ToLower(rand.Text()[:10])
	c.e.run(t, "", "CREATE USER "+user+"@'%' "+options)
	t.Cleanup(func() { c.e.run(t, "", "DROP USER "+user+"@'%'") })
	return user
}

func (c *errorCases) asUser(options string, change func(*mysql.Config)) func(*testing.T) error {
	return func(t *testing.T) error {
		user := c.user(t, options)
		c.e.run(t, "", "GRANT SELECT ON "+c.name+".* TO "+user+"@'%'")
		return c.opens(func(cfg *mysql.Config) {
			cfg.User = user
			if change != nil {
				change(cfg)
			}
		})(t)
	}
}

func (c *errorCases) noGrant(t *testing.T) error { return c.granted(t, "SELECT") }

// granted creates a row with a login that may read, and has one more right.
func (c *errorCases) granted(t *testing.T, right string) error {
	user := c.user(t, "")
	c.e.run(t, "", "GRANT SELECT ON "+c.name+".* TO "+user+"@'%'", "GRANT "+right+" ON "+c.name+".lists TO "+user+"@'%'", "GRANT ALL ON "+c.name+"_own.* TO "+user+"@'%'")
	cfg := c.e.config(c.name)
	dsn := c.e.dsn.Clone()
	dsn.User, dsn.DBName = user, c.name
	cfg.DSN = dsn.FormatDSN()
	db := open(t, cfg)
	return write(t, db, put(tables(t, db, "lists")["lists"], "x", writegate.Row{"name": "x", "must": int64(1)}))
}

func (c *errorCases) readOnly(t *testing.T) error {
	variable := "transaction_read_only"
	if c.e.mariadb() {
		variable = "tx_read_only"
	}
	cfg := c.e.config(c.name)
	cfg.DSN += "?" + variable + "=1"
	return write(t, open(t, cfg), put(c.schema["lists"], "x", writegate.Row{"name": "x", "must": int64(1)}))
}

func (c *errorCases) lock(tx writegate.Tx, key string) error {
	_, err := tx.Load(context.Background(), []writegate.Read{{Table: c.schema["lists"], Keys: []any{key}, Lock: writegate.ForUpdate}})
	return err
}

func (c *errorCases) deadlock(t *testing.T) error {
	var both, done sync.WaitGroup
	both.Add(2)
	errs := make([]error, 2)
	for i, keys := range [][2]string{{"l1", "l2"}, {"l2", "l1"}} {
		done.Go(func() {
			errs[i] = c.db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
				err := c.lock(tx, keys[0])
				both.Done()
				if err != nil {
					return err
				}
				both.Wait()
				return c.lock(tx, keys[1])
			})
		})
	}
	done.Wait()
	return cmp.Or(errs[0], errs[1])
}

// locked keeps a row locked while fn runs.
func (c *errorCases) locked(t *testing.T, fn func() error) error {
	t.Helper()
	var failed error
	err := c.db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		if err := c.lock(tx, "l2"); err != nil {
			return err
		}
		failed = fn()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return failed
}

func (c *errorCases) lockTimeout(t *testing.T) error {
	return c.locked(t, func() error {
		return c.db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return c.lock(tx, "l2") })
	})
}

func (c *errorCases) slow(t *testing.T) error {
	cfg := c.e.config(c.name)
	cfg.StatementTimeout = 50 * time.Millisecond
	db := open(t, cfg)
	return c.locked(t, func() error {
		return db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return c.lock(tx, "l2") })
	})
}

// killed kills a statement that waits for a lock.
func (c *errorCases) killed(kill string) func(*testing.T) error {
	return func(t *testing.T) error {
		db := open(t, c.e.config(c.name))
		return c.locked(t, func() error {
			return db.InTx(t.Context(), someone, func(wtx writegate.Tx) error {
				var id int64
				if err := wtx.(*tx).conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
					t.Fatal(err)
				}
				timer := time.AfterFunc(300*time.Millisecond, func() { c.e.run(t, "", fmt.Sprintf(kill, id)) })
				defer timer.Stop()
				return c.lock(wtx, "l2")
			})
		})
	}
}
