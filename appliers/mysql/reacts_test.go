package mysql

import (
	"fmt"
	"slices"
	"testing"

	"writegate"
)

func TestReacts(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		db := open(t, e.config(e.database(t,
			"CREATE TABLE plain (id int PRIMARY KEY, code int UNIQUE)",
			"CREATE TABLE touched (id int PRIMARY KEY, n int, at timestamp NULL ON UPDATE CURRENT_TIMESTAMP)",
			"CREATE TABLE parents (id int PRIMARY KEY, code int UNIQUE, other int UNIQUE)",
			"CREATE TABLE nulls (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE SET NULL ON UPDATE CASCADE)",
			"CREATE TABLE follows (id int PRIMARY KEY, code int, FOREIGN KEY (code) REFERENCES parents (code) ON UPDATE CASCADE)",
			"CREATE TABLE middle (id int PRIMARY KEY)",
			"CREATE TABLE leaf (id int PRIMARY KEY, m int, FOREIGN KEY (m) REFERENCES middle (id))",
			"CREATE TABLE triggered (id int PRIMARY KEY)",
			"CREATE TRIGGER f AFTER INSERT ON triggered FOR EACH ROW INSERT INTO plain (id) VALUES (NEW.id)",
		)))
		want := map[string][]writegate.Verb{
			"plain": nil, "touched": {writegate.Update}, "parents": {writegate.Update, writegate.Remove}, "nulls": nil, "middle": nil, "leaf": nil, "triggered": {writegate.Insert},
		}
		for name, verbs := range want {
			got := tables(t, db, name)[name].Reacts
			if !slices.Equal(got, verbs) {
				t.Errorf("%s reacts to verbs %d, want %d", name, got, verbs)
			}
		}
	})
}

// TestGrants reads lines of SHOW GRANTS.
func TestGrants(t *testing.T) {
	var all grants
	for _, line := range []string{
		"GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*0123'",
		"GRANT SELECT, INSERT ON `shop`.* TO `u`@`%`",
		"GRANT UPDATE (`a`, `b``c`), DELETE ON `shop`.`notes` TO `u`@`%`",
		"GRANT ALL PRIVILEGES ON `my\\_db%`.* TO `u`@`%` WITH GRANT OPTION",
		"GRANT `role`@`%` TO `u`@`%`",
		"GRANT CREATE TEMPORARY TABLES, LOCK TABLES ON `tmp`.* TO `u`@`%`",
		"REVOKE INSERT ON `shop`.* FROM `u`@`%`",
	} {
		if g, ok := parseGrant(line); ok {
			all = append(all, g)
		}
	}
	for _, c := range []struct {
		privilege, schema, table string
		columns                  []string
		want                     bool
	}{
		{"SELECT", "shop", "notes", nil, true},
		{"SELECT", "shop2", "notes", nil, false},
		{"INSERT", "shop", "notes", nil, false},
		{"UPDATE", "shop", "notes", nil, false},
		{"UPDATE", "shop", "notes", []string{"a", "b`c"}, true},
		{"UPDATE", "shop", "notes", []string{"a", "d"}, false},
		{"DELETE", "shop", "notes", nil, true},
		{"DELETE", "shop", "other", nil, false},
		{"TRIGGER", "my_db_1", "x", nil, true},
		{"TRIGGER", "myXdb_1", "x", nil, false},
		{"LOCK TABLES", "tmp", "x", nil, true},
	} {
		if got := all.may(c.privilege, c.schema, c.table, c.columns); got != c.want {
			t.Errorf("%s on %s.%s %v: %v", c.privilege, c.schema, c.table, c.columns, got)
		}
	}
}

func TestVersion(t *testing.T) {
	for text, want := range map[string]string{
		"9.7.4-2": "MySQL 9.7.4 true", "8.0.36": "MySQL 8.0.36 true", "5.7.44-log": "MySQL 5.7.44 false", "10.11.19-MariaDB-0+deb12u1": "MariaDB 10.11.19 true",
		"5.5.5-10.5.1-MariaDB": "MariaDB 10.5.1 false", "11.8.2-mariadb": "MariaDB 11.8.2 true", "nonsense": "MySQL 0.0.0 false",
	} {
		if v := parseVersion(text); fmt.Sprint(v, v.supported()) != want {
			t.Errorf("%s is read as %s, %v", text, v, v.supported())
		}
	}
}
