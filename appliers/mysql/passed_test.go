package mysql

import (
	"strings"
	"testing"

	"writegate"
)

// TestPassedOverForeignKey warns of a foreign key exactly where the server lets a row without parent in.
func TestPassedOverForeignKey(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := e.database(t,
			"CREATE TABLE lists (id varchar(9) PRIMARY KEY)",
			"CREATE TABLE begins (id int PRIMARY KEY, list varchar(9), label varchar(9), UNIQUE (list, label), CONSTRAINT fk_begins FOREIGN KEY (list) REFERENCES lists (id))",
			"CREATE TABLE ends (id int PRIMARY KEY, list varchar(9), label varchar(9), UNIQUE (label, list), KEY (list), CONSTRAINT fk_ends FOREIGN KEY (list) REFERENCES lists (id))",
		)
		db := open(t, e.config(name))
		schema := tables(t, db, "begins", "ends")
		findings := inspect(t, db, schema)
		for table, constraint := range map[string]string{"begins": "fk_begins", "ends": "fk_ends"} {
			err := write(t, db, put(schema[table], int64(1), writegate.Row{"list": "nobody"}))
			if err != nil && writegate.AsError(err).Code != writegate.ForeignKeyViolation {
				t.Errorf("%s: %s", table, describe(err))
			}
			if taken, warned := err == nil, strings.Contains(findings, constraint); taken != warned {
				t.Errorf("%s: a row without parent is taken: %v, and warned of: %v", table, taken, warned)
			}
		}
	})
}
