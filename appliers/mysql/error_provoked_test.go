package mysql

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"writegate"
	"writegate/appliers/applierstest"
)

// rule is a statement of a trigger that fails with a number.
type rule struct{ number, how, text string }

// failing are rules that refuse a row. The row's key is the number of the rule that is to fail.
func failing(mariadb bool) []rule {
	rules := []rule{
		{"1411", "a trigger reads a date that is none", "SET NEW.at = STR_TO_DATE('x', '%Y')"},
		{"1416", "a trigger reads a geometry that is none", "SET NEW.spot = 'x'"},
		{"1441", "a trigger goes beyond the last day", "SET NEW.at = DATE_ADD('9999-12-31', INTERVAL 2 DAY)"},
		{"1690", "a trigger goes beyond an integer", "SET NEW.n = CAST(0 AS UNSIGNED) - 1"},
	}
	if mariadb {
		return append(rules,
			rule{"1300", "a trigger reads bytes that are no UTF-8", "SET NEW.text = CONVERT(UNHEX('FF') USING utf8mb4)"},
			rule{"1977", "a trigger makes latin1 of what it has not", "SET NEW.text = CONVERT('日本語' USING latin1)"})
	}
	return append(rules,
		rule{"3037", "a trigger reads a geometry that is none", "SET NEW.text = ST_AsText(UNHEX('0000000001'))"},
		rule{"3055", "a trigger reads a geometry of big-endian numbers", "SET NEW.text = ST_AsText(UNHEX('00000000000000000100000000000000000000000000000000'))"},
		rule{"3141", "a trigger reads JSON that is none", "SET NEW.text = JSON_EXTRACT('x', '$.a')"},
		rule{"3144", "a trigger reads JSON of bytes", "SET NEW.text = JSON_EXTRACT(CAST('[1]' AS BINARY), '$[0]')"},
		rule{"3156", "a trigger makes a number of JSON text", `SET NEW.n = CAST(CAST('"x"' AS JSON) AS SIGNED)`},
		rule{"3548", "a trigger names a missing reference system", "SET NEW.spot = ST_GeomFromText('POINT(0 0)', 999999)"},
		rule{"3616", "a trigger makes a point off the globe", "SET NEW.spot = ST_GeomFromText('POINT(0 400)', 4326)"},
		rule{"3617", "a trigger makes a point off the globe", "SET NEW.spot = ST_GeomFromText('POINT(200 0)', 4326)"},
		rule{"3643", "a trigger makes a point in another reference system", "SET NEW.globe = ST_GeomFromText('POINT(0 0)', 0)"})
}

// provoked are the cases that need more tables, sessions of their own, or statements that the driver never sends.
func (c *errorCases) provoked() []applierstest.ErrorCase {
	is := func(class writegate.Class, code writegate.Code) func(number, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		return func(number, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
			return applierstest.ErrorCase{Number: number, Class: class, Code: code, How: how, Provoke: provoke}
		}
	}
	invalid, rerun, later := is(writegate.Refused, writegate.InvalidData), is(writegate.Rerun, writegate.Conflict), is(writegate.Retry, writegate.Unavailable)
	held, mismatch := is(writegate.Operator, writegate.Internal), is(writegate.Operator, writegate.SchemaMismatch)
	var cases []applierstest.ErrorCase
	for _, r := range failing(c.e.mariadb()) {
		cases = append(cases, invalid(r.number, r.how, c.fails(r.number)))
	}
	tooLong := later("3024", "a SELECT takes longer than `max_execution_time`", c.outOfTime)
	if c.e.mariadb() {
		tooLong.Number, tooLong.How = "1969", "a statement takes longer than `max_statement_time`"
	}
	tooLong.Reason = writegate.ReasonTimeout
	cases = append(cases, tooLong,
		is(writegate.Refused, writegate.UniqueViolation)("1761", "ON UPDATE CASCADE makes a value twice in a table that refers", c.cascade),
		rerun("1412", "a table is altered after the snapshot, under REPEATABLE READ, which our sessions don't have", c.altered),
		held("1064", "no SQL", c.says("NONSENSE")),
		held("1105", "a trigger has a faulty XPath", c.fails("1105")),
		held("1193", "the DSN sets a variable that is none", c.opens(func(cfg *mysql.Config) { cfg.Params = map[string]string{"nosuch": "1"} })),
		held("1227", "the DSN sets a variable that the login may not", c.asUser("", func(cfg *mysql.Config) { cfg.Params = map[string]string{"sql_log_bin": "0"} })),
		held("1370", "a trigger calls a procedure that its definer may not", c.definer(false)),
		held("1449", "the definer of a trigger was dropped", c.definer(true)),
		mismatch("1109", "a DELETE of a table that it does not read", c.says("DELETE nowhere FROM lists")),
		mismatch("1143", "a grant on the column is missing", c.noColumnGrant),
		mismatch("1288", "an update of a view that was altered meanwhile", c.altersView("SELECT DISTINCT id, a FROM ruled", patch)),
		mismatch("1471", "a create in a view that was altered meanwhile", c.altersView("SELECT DISTINCT id, a FROM ruled", put)),
		mismatch("1356", "a view whose table was dropped meanwhile", c.brokenView))
	if c.e.mariadb() {
		return append(cases,
			rerun("1020", "`innodb_snapshot_isolation` under REPEATABLE READ, which our sessions don't have", c.snapshot),
			later("1698", "a login by `unix_socket`, over TCP", c.asUser("IDENTIFIED VIA unix_socket", nil)),
			later("1927", "a session kills itself", c.says("KILL CONNECTION_ID()")))
	}
	return append(cases,
		invalid("1300", "a text that is no UTF-8", c.says("SELECT _utf8mb4 x'FF'")),
		invalid("3854", "a comparison with a character that latin1 has not", c.says("SELECT id FROM odd WHERE latin = '日本語'")),
		invalid("3151", "JSON with a long name", c.odd("doc", `{"`+strings.Repeat("k", 70_000)+`": 1}`)),
		invalid("3157", "JSON nested too deep", c.odd("doc", strings.Repeat("[", 200)+strings.Repeat("]", 200))),
		invalid("3751", "an index on an expression cuts a text off", c.indexed("text", "abcdef")),
		invalid("3752", "an index on an expression has no room for a number", c.indexed("number", "50000")),
		invalid("3903", "an index on an expression takes no such JSON", c.indexed("numbers", `["x"]`)),
		invalid("3907", "an index on an expression takes no such long text", c.indexed("texts", `["abcdef"]`)),
		rerun("3058", "two transactions take two locks by GET_LOCK crosswise", c.crosswise("SELECT GET_LOCK('"+c.name+"%s', 1)")),
		later("1038", "a trigger sorts what `sort_buffer_size` has no room for", c.sorts),
		later("3572", "NOWAIT, and a row is locked", c.noWait),
		later("3955", "`FAILED_LOGIN_ATTEMPTS` wrong passwords", c.twiceWrong("FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME 1")),
		later("4031", "a transaction idles for longer than `wait_timeout`", c.idle),
		held("3170", "a statement larger than `parser_max_mem_size`", c.says("SELECT LENGTH('"+strings.Repeat("x", 6<<20)+"')", "SET SESSION parser_max_mem_size = 10000000")))
}

// failingTable makes the table with the trigger of the rules.
func failingTable(e *engine) []string {
	globe := "globe point"
	if !e.mariadb() {
		globe += " SRID 4326"
	}
	var body strings.Builder
	for _, r := range append(failing(e.mariadb()), rule{number: "1105", text: "SET NEW.text = EXTRACTVALUE('<a/>', CONCAT('~', NEW.id))"},
		rule{number: "1038", text: "SET NEW.text = (SELECT id FROM sorted ORDER BY doc LIMIT 1)"}) {
		body.WriteString("IF NEW.id = '" + r.number + "' THEN " + r.text + "; END IF;\n")
	}
	return []string{
		"CREATE TABLE failing (id varchar(40) PRIMARY KEY, text longtext, n bigint, at datetime, spot geometry, " + globe + ")",
		"CREATE TABLE sorted (id varchar(40) PRIMARY KEY, doc json)",
		`INSERT INTO sorted VALUES ('a', CONCAT('["', REPEAT('x', 200000), '"]')), ('b', CONCAT('["', REPEAT('y', 200000), '"]'))`,
		"CREATE TRIGGER fails BEFORE INSERT ON failing FOR EACH ROW BEGIN\n" + body.String() + "END",
	}
}

func (c *errorCases) fails(number string) func(*testing.T) error {
	return func(t *testing.T) error {
		return blamed(t, c.db, put(tables(t, c.db, "failing")["failing"], number, nil))
	}
}

// session runs a transaction on a connection of its own, after statements that are none of the driver's.
func (c *errorCases) session(t *testing.T, fn func(*tx) error, before ...string) error {
	t.Helper()
	return open(t, c.e.config(c.name)).InTx(t.Context(), someone, func(wtx writegate.Tx) error {
		wtx.Blame()
		own := wtx.(*tx)
		for _, statement := range before {
			if _, err := own.conn.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		return fn(own)
	})
}

// says sends a statement that the driver has no need of, as that of a change.
func (c *errorCases) says(text string, before ...string) func(*testing.T) error {
	return func(t *testing.T) error {
		return c.session(t, func(t *tx) error {
			change := put(c.schema["lists"], "x", nil)
			t.queued = append(t.queued, statement{text: text, read: scanInto(new(string)), wrong: func(_ context.Context, err error) error { return explain(err, &change) }})
			return t.flush(context.Background())
		}, before...)
	}
}

// crosswise has two transactions send a statement for a and b, and for b and a.
func (c *errorCases) crosswise(format string) func(*testing.T) error {
	return func(t *testing.T) error {
		var both sync.WaitGroup
		both.Add(2)
		errs := make(chan error, 2)
		for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} {
			db := open(t, c.e.config(c.name))
			go func() {
				errs <- db.InTx(t.Context(), someone, func(wtx writegate.Tx) error {
					own := wtx.(*tx)
					own.queue(scanInto(new(string)), fmt.Sprintf(format, names[0]))
					err := own.flush(t.Context())
					both.Done()
					if err != nil {
						return err
					}
					both.Wait()
					own.queue(scanInto(new(string)), fmt.Sprintf(format, names[1]))
					return own.flush(t.Context())
				})
			}()
		}
		first, second := <-errs, <-errs // the second has waited in vain, if it failed at all
		return cmp.Or(first, second)
	}
}

// outOfTime has the server give up before the driver does.
func (c *errorCases) outOfTime(t *testing.T) error {
	cfg := c.e.config(c.name)
	cfg.StatementTimeout = 1900 * time.Millisecond // 1 s at the server
	db := open(t, cfg)
	return c.locked(t, func() error {
		return db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return c.lock(tx, "l2") })
	})
}

func (c *errorCases) noWait(t *testing.T) error {
	return c.locked(t, func() error { return c.says("SELECT id FROM lists WHERE id = 'l2' FOR UPDATE NOWAIT")(t) })
}

func (c *errorCases) idle(t *testing.T) error {
	return c.session(t, func(own *tx) error {
		time.Sleep(1500 * time.Millisecond)
		return c.lock(own, "l1")
	}, "SET SESSION wait_timeout = 1")
}

func (c *errorCases) sorts(t *testing.T) error {
	change := put(tables(t, c.db, "failing")["failing"], "1038", nil)
	return c.session(t, func(own *tx) error { return own.Write(t.Context(), []writegate.Change{change}) }, "SET SESSION sort_buffer_size = 32768")
}

const repeatable = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"

func (c *errorCases) altered(t *testing.T) error {
	c.e.run(t, c.name, "CREATE TABLE altered (id varchar(40) PRIMARY KEY)")
	reads := func(table *writegate.Table) []writegate.Read {
		return []writegate.Read{{Table: table, Keys: []any{"l1"}}}
	}
	altered := tables(t, c.db, "altered")["altered"]
	return c.session(t, func(own *tx) error {
		if _, err := own.Load(t.Context(), reads(c.schema["lists"])); err != nil {
			t.Fatal(err)
		}
		c.e.run(t, c.name, "ALTER TABLE altered ADD n int, ALGORITHM=COPY")
		_, err := own.Load(t.Context(), reads(altered))
		return err
	}, repeatable)
}

func (c *errorCases) snapshot(t *testing.T) error {
	return c.session(t, func(own *tx) error {
		if _, err := own.Load(t.Context(), []writegate.Read{{Table: c.schema["lists"], Keys: []any{"l1"}}}); err != nil {
			t.Fatal(err)
		}
		c.e.run(t, c.name, "UPDATE lists SET must = must + 1")
		return c.lock(own, "l1")
	}, repeatable, "SET SESSION innodb_snapshot_isolation = 1")
}

func (c *errorCases) cascade(t *testing.T) error {
	c.e.run(t, c.name, "CREATE TABLE above (id int PRIMARY KEY, code int UNIQUE)",
		"CREATE TABLE below (id int PRIMARY KEY, code int UNIQUE, FOREIGN KEY (code) REFERENCES above (code) ON UPDATE CASCADE)",
		"INSERT INTO above VALUES (1, 1)", "INSERT INTO below VALUES (1, 1)",
		"SET SESSION foreign_key_checks = 0; INSERT INTO below VALUES (2, 5); SET SESSION foreign_key_checks = 1")
	return blamed(t, c.db, patch(tables(t, c.db, "above")["above"], int64(1), writegate.Row{"code": int64(5)}))
}

// indexed writes to a table whose indexes are on expressions that cast.
func (c *errorCases) indexed(column, value string) func(*testing.T) error {
	return func(t *testing.T) error {
		c.e.run(t, c.name, `CREATE TABLE IF NOT EXISTS indexed (id varchar(40) PRIMARY KEY, number text, text text, numbers json, texts json,
			INDEX ((CAST(number AS DECIMAL(3,1)))), INDEX ((CAST(text AS CHAR(3)))), INDEX ((CAST(numbers->'$' AS UNSIGNED ARRAY))), INDEX ((CAST(texts->'$' AS CHAR(3) ARRAY))))`)
		indexed := tables(t, c.db, "indexed")["indexed"]
		v, err := indexed.Columns[slices.IndexFunc(indexed.Columns, func(c *writegate.Column) bool { return c.Name == column })].Convert(value)
		if err != nil {
			t.Fatal(err)
		}
		return blamed(t, c.db, put(indexed, "x", writegate.Row{column: v}))
	}
}

// altersView writes to a view that could be written to when it was introspected.
func (c *errorCases) altersView(query string, change func(*writegate.Table, any, writegate.Row) writegate.Change) func(*testing.T) error {
	return func(t *testing.T) error {
		c.e.run(t, c.name, "CREATE OR REPLACE VIEW turned AS SELECT id, a FROM ruled")
		turned := schemaOf(t, c.db, writegate.TableRef{Name: "turned", Key: "id"})["turned"]
		c.e.run(t, c.name, "ALTER VIEW turned AS "+query)
		return write(t, c.db, change(turned, "x", writegate.Row{"a": "y"}))
	}
}

func (c *errorCases) brokenView(t *testing.T) error {
	c.e.run(t, c.name, "CREATE TABLE seen (id varchar(40) PRIMARY KEY, a varchar(20))", "CREATE VIEW seeing AS SELECT id, a FROM seen")
	seeing := schemaOf(t, c.db, writegate.TableRef{Name: "seeing", Key: "id"})["seeing"]
	c.e.run(t, c.name, "DROP TABLE seen")
	return write(t, c.db, put(seeing, "x", writegate.Row{"a": "y"}))
}

// definer writes to a table whose trigger has a definer who may not do what it does, or is no more.
func (c *errorCases) definer(dropped bool) func(*testing.T) error {
	return func(t *testing.T) error {
		user := c.user(t, "") + "@'%'"
		c.e.run(t, "", "GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER ON "+c.name+".* TO "+user)
		c.e.run(t, c.name, "CREATE TABLE IF NOT EXISTS defined (id varchar(40) PRIMARY KEY)", "CREATE PROCEDURE IF NOT EXISTS ours() DO 1", "DROP TRIGGER IF EXISTS calls",
			"CREATE DEFINER="+user+" TRIGGER calls BEFORE INSERT ON defined FOR EACH ROW CALL ours()")
		if dropped {
			c.e.run(t, c.name, "DROP TRIGGER calls", "CREATE DEFINER=wg_nobody@'%' TRIGGER calls BEFORE INSERT ON defined FOR EACH ROW CALL ours()")
		}
		return write(t, c.db, put(tables(t, c.db, "defined")["defined"], "x", nil))
	}
}

func (c *errorCases) noColumnGrant(t *testing.T) error {
	return c.granted(t, "INSERT (id)")
}

// twiceWrong has a login of its own come with a wrong password, twice.
func (c *errorCases) twiceWrong(options string) func(*testing.T) error {
	return func(t *testing.T) error {
		user := c.user(t, "IDENTIFIED BY 'Right-1234' "+options)
		wrong := c.opens(func(cfg *mysql.Config) { cfg.User, cfg.Passwd = user, "wrong" })
		if err := wrong(t); err == nil {
			t.Fatal("any password does")
		}
		return wrong(t)
	}
}
