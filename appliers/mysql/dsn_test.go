package mysql

import (
	"errors"
	"strings"
	"testing"

	"writegate"
)

func TestDSN(t *testing.T) {
	for dsn, want := range map[string]string{
		"u:p@tcp(db:3307)/shop?tls=skip-verify":          "u p db:3307 shop skip-verify",
		"mysql://u:p@db:3307/shop?tls=skip-verify":       "u p db:3307 shop skip-verify",
		"mariadb://u:p%40%2F%3F%23@db/shop?tls=true":     "u p@/?# db:3306 shop true",
		"mysql://u@[::1]:3307/":                          "u  [::1]:3307  ",
		"MySQL://u:p@db":                                 "u p db:3306  ",
		"u:p@w@tcp(db:3306)/":                            "u p@w db:3306  ",
		"u@unix(/run/mysqld/mysqld.sock)/shop?tls=false": "u  /run/mysqld/mysqld.sock shop false",
	} {
		cfg, err := parseDSN(dsn)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		if got := strings.Join([]string{cfg.User, cfg.Passwd, cfg.Addr, cfg.DBName, cfg.TLSConfig}, " "); got != want {
			t.Errorf("%s is read as %q, want %q", dsn, got, want)
		}
	}
}

// TestDSNIsNeverTold holds errors to saying nothing of a DSN.
func TestDSNIsNeverTold(t *testing.T) {
	for _, dsn := range []string{
		"", "u:s3cret@tcp(db:3306)shop", "u:s3cret@db", "u:s3cret@tcp(db:3306)/?tls=nosuch", "mysql://u:s3cret@db/%zz", "mysql://u:s3cret@db/?tls=%zz", "mysql://u:s3cret@/x",
		"mysql://u:s3cret@db/?parseTime=maybe", "mysql://u:s3cret@db/?tls=nosuch",
		"u:s3cret@tcp(127.0.0.1:1)/x", "mysql://u:s3cret@127.0.0.1:1/x",
	} {
		_, err := Open(t.Context(), Config{DSN: dsn})
		if err == nil {
			t.Errorf("%s opens", dsn)
			continue
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), "s3cret") {
				t.Errorf("the error tells the password: %v", e)
			}
		}
		if class := writegate.AsError(err).Class; class != writegate.Operator && !strings.Contains(dsn, "127.0.0.1") {
			t.Errorf("%s: class %v", dsn, class)
		}
	}
}

// TestDSNCannotLoosen sets what the driver relies on otherwise.
func TestDSNCannotLoosen(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := e.database(t, "CREATE TABLE notes (id varchar(9) PRIMARY KEY, s varchar(3), at datetime(6))")
		cfg := e.config(name)
		cfg.DSN += "?multiStatements=false&clientFoundRows=false&parseTime=true&interpolateParams=true&charset=latin1&columnsWithAlias=true&loc=Local&sql_mode=%27NO_BACKSLASH_ESCAPES%2CANSI_QUOTES%27&time_zone=%27%2B05%3A00%27&autocommit=0"
		db := open(t, cfg)
		notes := tables(t, db, "notes")["notes"]
		row := writegate.Row{"s": `\'👩`, "at": must(notes.Column("at").Convert("2026-08-21T14:29:30.123456Z"))}
		if err := write(t, db, put(notes, `"\'`, row), patch(notes, `"\'`, row)); err != nil {
			t.Fatal(describe(err))
		}
		if got := load(t, db, writegate.Read{Table: notes, Keys: []any{`"\'`}, Columns: []string{"at", "s"}})[0][`"\'`]; got["s"] != row["s"] || !notes.Column("at").Equal(got["at"], row["at"]) {
			t.Errorf("loaded %v", got)
		}
	})
}

func must(v any, err error) any {
	if err != nil {
		panic(err)
	}
	return v
}
