package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"writegate"
)

// sessionMode is the sql_mode of our sessions: strict, and zero is a number as any other where the database counts.
const sessionMode = "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"

// idleLimit ends a session whose client has vanished without a word, and with it the locks of its transaction.
const idleLimit = 2 * time.Minute

// session returns what each connection begins with. A comment of each kind is a setting of one of the two servers.
func session(statement, lock time.Duration) []string {
	seconds, lockSeconds := max(1, int(statement.Seconds())), max(1, int(lock.Seconds()))
	return []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		fmt.Sprintf("SET SESSION sql_mode = '%s', time_zone = '+00:00', autocommit = 1, completion_type = 0, foreign_key_checks = 1, unique_checks = 1, sql_select_limit = 18446744073709551615, sql_big_selects = 1"+
			", innodb_lock_wait_timeout = %d, lock_wait_timeout = %d, wait_timeout = %d"+
			" /*M!100100 , max_statement_time = %d, check_constraint_checks = 1, in_predicate_conversion_threshold = 0 */ /*!80000 , max_execution_time = %d */",
			sessionMode, lockSeconds, lockSeconds, int(idleLimit.Seconds()), seconds, 1000*seconds),
	}
}

// newConnector reads the DSN. Its errors never carry any of it.
func newConnector(cfg Config) (driver.Connector, error) {
	inner, err := connectorOf(cfg.DSN, cfg.AcquireTimeout)
	if err != nil {
		return nil, err
	}
	return &connector{cfg: cfg, dsn: cfg.DSN, inner: inner, session: session(cfg.StatementTimeout, cfg.LockTimeout)}, nil
}

func connectorOf(dsn string, timeout time.Duration) (driver.Connector, error) {
	mc, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	// What the driver relies on is not for the DSN to say.
	mc.ClientFoundRows, mc.MultiStatements = true, true
	mc.InterpolateParams, mc.ParseTime, mc.AllowAllFiles, mc.ColumnsWithAlias, mc.RejectReadOnly = false, false, false, false, false
	mc.CheckConnLiveness = true
	mc.MaxAllowedPacket = 1 << 30 // as much as any server takes: what this one does is looked at
	mc.Loc = time.UTC
	mc.Collation = ""
	mc.Logger = &mysql.NopLogger{} // what goes wrong comes as an error
	if mc.Timeout == 0 {
		mc.Timeout = timeout
	}
	if err := mc.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin")); err != nil {
		return nil, misconfigured("the DSN can't be used", nil)
	}
	inner, err := mysql.NewConnector(mc)
	if err != nil {
		return nil, misconfigured("the DSN can't be used: look at its TLS settings and parameters", nil)
	}
	return inner, nil
}

// parseDSN reads both forms of an address.
func parseDSN(dsn string) (*mysql.Config, error) {
	if strings.TrimSpace(dsn) == "" {
		return nil, misconfigured("the DSN is empty", nil)
	}
	for _, scheme := range []string{"mysql://", "mariadb://"} {
		if strings.HasPrefix(strings.ToLower(dsn), scheme) {
			return parseURL(dsn)
		}
	}
	mc, err := mysql.ParseDSN(dsn)
	if err != nil { // the cause may quote a password
		return nil, misconfigured("the DSN can't be read: it has the form user:password@tcp(host:3306)/database?tls=true or mysql://user:password@host:3306/database?tls=true", nil)
	}
	return mc, nil
}

// parseURL reads mysql://user:password@host:port/database?parameters. The parameters are the driver's.
func parseURL(dsn string) (*mysql.Config, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" || u.Opaque != "" || u.Fragment != "" {
		return nil, misconfigured("the DSN can't be read: a URL has the form mysql://user:password@host:3306/database?tls=true, with what is special in a password written as %40 for @", nil)
	}
	mc, err := mysql.ParseDSN("/?" + u.RawQuery)
	if err != nil {
		return nil, misconfigured("a parameter of the DSN can't be read", nil)
	}
	mc.Net, mc.Addr, mc.User, mc.DBName = "tcp", u.Host, u.User.Username(), strings.TrimPrefix(u.Path, "/")
	mc.Passwd, _ = u.User.Password()
	if u.Port() == "" {
		mc.Addr = strings.TrimSuffix(u.Host, ":") + ":3306"
	}
	return mc, nil
}

// connector begins each connection with our session, at the address that is good by now.
type connector struct {
	cfg     Config
	session []string

	mu    sync.Mutex
	dsn   string
	inner driver.Connector // of dsn
}

// Driver implements [driver.Connector].
func (c *connector) Driver() driver.Driver { return mysql.MySQLDriver{} }

// current is the connector of the DSN as it is by now.
func (c *connector) current() (driver.Connector, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg.Renew == nil {
		return c.inner, nil
	}
	if dsn := c.cfg.Renew(); dsn != c.dsn {
		inner, err := connectorOf(dsn, c.cfg.AcquireTimeout)
		if err != nil {
			return nil, err
		}
		c.dsn, c.inner = dsn, inner
	}
	return c.inner, nil
}

// Connect implements [driver.Connector].
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.current()
	if err != nil {
		return nil, err
	}
	conn, err := inner.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range c.session {
		execer, ok := conn.(driver.ExecerContext)
		if !ok {
			return nil, errors.Join(errors.New("the connection takes no statements"), conn.Close())
		}
		if _, err := execer.ExecContext(ctx, statement, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("setting up the session: %w", err), conn.Close())
		}
	}
	return conn, nil
}

// discard has the pool throw a connection away.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// takesNoWrites tells that a server is read-only, as the one that was the primary before a failover. A connection to it is
// thrown away: another one goes where the address leads by now.
func takesNoWrites(err error) bool {
	native, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && (native.Number == 1290 || native.Number == 1792 || native.Number == 1836)
}

// isReadOnly asks the server behind one connection, and throws that away if it is.
func (db *DB) isReadOnly(ctx context.Context) (readOnly bool, err error) {
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	if err = conn.QueryRowContext(ctx, "SELECT @@global.read_only").Scan(&readOnly); readOnly {
		discard(conn)
	}
	return readOnly, err
}

// server is what [DB.look] found out.
type server struct {
	mariadb bool
	version string // as the server says it, such as 10.11.19-MariaDB-0+deb12u1
	packet  int    // max_allowed_packet
	folds   bool   // names of tables are compared without regard to case
	base    string // the database of the DSN, empty when it names none
}

// look learns what the server is and refuses one whose session is not what it was set to, as behind a proxy.
func (db *DB) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout+db.cfg.StatementTimeout)
	defer cancel()
	var mode, zone string
	s := &db.server
	err := db.pool.QueryRowContext(ctx, "SELECT VERSION(), @@session.sql_mode, @@session.time_zone, @@max_allowed_packet, @@lower_case_table_names <> 0, COALESCE(DATABASE(), '')").
		Scan(&s.version, &mode, &zone, &s.packet, &s.folds, &s.base)
	if err != nil {
		return err
	}
	s.mariadb = strings.Contains(strings.ToLower(s.version), "mariadb")
	switch {
	case !strings.Contains(mode, "STRICT_ALL_TABLES"):
		return misconfigured("the session can't be made strict: without STRICT_ALL_TABLES in sql_mode the server cuts values off in silence", nil)
	case zone != "+00:00":
		return misconfigured("the session's time zone can't be set to UTC", nil)
	}
	return nil
}

var (
	errReadOnly    = errors.New("the database is read-only")
	errOldSteps    = errors.New("writegate's own tables are missing or older than this program")
	errNoOwnTables = errors.New("the configuration forbids tables of writegate's own")
)

func misconfigured(message string, cause error) *writegate.Error {
	return &writegate.Error{Class: writegate.Operator, Code: writegate.Internal, Message: message, Cause: cause}
}
