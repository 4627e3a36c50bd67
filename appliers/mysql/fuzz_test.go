package mysql

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"writegate"
)

// nasty are texts that have left their quotes somewhere, some time.
var nasty = []string{
	"", "'", `"`, "`", `\`, `\'`, `'' OR 1=1 --`, "a'; DROP TABLE notes; -- ", "/*", "*/", "#", "--", "?", "%s", "{schema}", "\x00", "\x1a", "\n\r\t", "\xbf'", "\xbf\x27 OR 1=1", "\x95\\", "\xe5\x5c",
	"\xff\xfe", "日本語", "👩‍👩‍👧", "\u202e", "0x27", "x'27'", "_utf8mb4 x'27'", "NULL", "1e1", "-0", "[]", `{"a":"'"}`, `["a"]`, "2026-08-21T14:29:30.123Z", "-838:59:59.999999", "0b0e8a52-5a3b-4b0c-8a52-0123456789ab",
}

// safe is everything that a value may leave in a statement.
var safe = regexp.MustCompile(`^(NULL|_(utf8mb4|binary) x'([0-9a-f]{2})*'|-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?|'[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?)?')$`)

// FuzzQuote holds identifiers to staying between their quotes.
func FuzzQuote(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		q := quote(name)
		inner := q[1 : len(q)-1]
		if q[0] != '`' || q[len(q)-1] != '`' || strings.Contains(strings.ReplaceAll(inner, "``", ""), "`") || strings.ReplaceAll(inner, "``", "`") != name {
			t.Errorf("%q becomes %q", name, q)
		}
	})
}

// fuzzed are columns of all types.
func fuzzed(t testing.TB) map[string]*column {
	t.Helper()
	columns := map[string]*column{}
	add := func(mariadb bool, word string, cc catalogColumn) {
		db := &DB{server: server{mariadb: mariadb}}
		cc.Name = "v"
		cat := &catalogTable{documents: map[string]string{"v": "json_valid(`v`)"}, spatial: map[string]int64{}}
		c, err := db.codec(cat, &cc, word)
		if err != nil {
			t.Fatal(err)
		}
		columns[fmt.Sprintf("%s %s %s %v", cc.Data, cc.Native, word, mariadb)] = &column{name: "v", codec: c}
	}
	for _, data := range []string{"tinyint", "smallint", "mediumint", "int", "bigint", "year", "json", "uuid", "point", "geometry", "inet6", "date"} {
		add(false, "", catalogColumn{Data: data, Native: data})
		add(false, "", catalogColumn{Data: data, Native: data + " unsigned"})
	}
	add(false, "", catalogColumn{Data: "tinyint", Native: "tinyint(1)"})
	for _, scale := range []int{-1, 0, 2} {
		add(false, "", catalogColumn{Data: "double", Native: "double", Precision: 10, Scale: scale})
		add(false, "", catalogColumn{Data: "float", Native: "float", Precision: 10, Scale: scale})
	}
	add(false, "", catalogColumn{Data: "decimal", Native: "decimal", Precision: 65, Scale: 30})
	add(false, "", catalogColumn{Data: "decimal", Native: "decimal unsigned", Precision: 5, Scale: 0})
	for _, width := range []int{1, 8, 64} {
		add(false, "", catalogColumn{Data: "bit", Native: "bit", Precision: width})
	}
	for _, data := range []string{"datetime", "timestamp", "time"} {
		add(false, "", catalogColumn{Data: data, Native: data, Fraction: 0})
		add(false, "", catalogColumn{Data: data, Native: data, Fraction: 6})
	}
	for _, charset := range []string{"utf8mb4", "utf8mb3", "latin1", "ascii"} {
		add(false, "", catalogColumn{Data: "varchar", Native: "varchar", Charset: charset, Length: 20, Octets: 80})
		add(false, "", catalogColumn{Data: "tinytext", Native: "tinytext", Charset: charset, Length: 255, Octets: 255})
	}
	add(false, "", catalogColumn{Data: "char", Native: "char", Charset: "utf8mb4", Length: 9})
	add(true, "", catalogColumn{Data: "longtext", Native: "longtext", Charset: "utf8mb4", Length: -1, Octets: -1})
	add(false, "", catalogColumn{Data: "binary", Native: "binary(3)", Octets: 3})
	add(false, "", catalogColumn{Data: "varbinary", Native: "varbinary(9)", Octets: 9})
	add(false, "uuid", catalogColumn{Data: "binary", Native: "binary(16)", Octets: 16})
	add(false, "uuid_swapped", catalogColumn{Data: "binary", Native: "binary(16)", Octets: 16})
	add(false, "", catalogColumn{Data: "enum", Native: "enum('a','it''s','B\\\\c')"})
	add(false, "", catalogColumn{Data: "set", Native: "set('a','b','c d')"})
	return columns
}

// FuzzConvert holds every type to never panicking, to leaving nothing in a statement that could be read otherwise, and to
// converting what it made to itself.
func FuzzConvert(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	columns := fuzzed(f)
	f.Fuzz(func(t *testing.T, text string) {
		for name, c := range columns {
			for _, wire := range []any{text, json.Number(text), writegate.JSON(text), writegate.Bytes(text), true} {
				v, err := c.codec.convert(wire)
				if err != nil {
					continue
				}
				if literal := c.param(v); !safe.MatchString(literal) {
					t.Errorf("%s: %q is written as %s", name, wire, literal)
				}
				if again, err := c.codec.convert(v); err != nil || !same(c, again, v) {
					t.Errorf("%s: %q becomes %#v, which becomes %#v, %v", name, wire, v, again, err)
				}
				if s, ok := v.(string); ok && !utf8.ValidString(s) {
					t.Errorf("%s: %q is stored as broken text", name, wire)
				}
			}
		}
	})
}

func same(c *column, a, b any) bool {
	return (&writegate.Column{Same: c.codec.same}).Equal(a, b)
}

// FuzzMembers reads whatever a server could list as members.
func FuzzMembers(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, native string) {
		_ = members(native)
		_ = columnIn(native)
		_ = constraintIn(native)
		_ = (&table{}).indexIn(native)
		_, _ = parseGrant(native)
		_ = parseVersion(native).String()
	})
}

func FuzzDSN(f *testing.F) {
	for _, s := range append(nasty, "mysql://u:p@h/d?tls=true", "u:p@tcp(h:1)/d") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		if _, err := parseDSN("mysql://u:s3cret@h/" + dsn); err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error tells the password: %v", err)
		}
		_, _ = parseDSN(dsn)
	})
}

// TestLiteralsInEveryMode has servers read our literals in sessions of the worst settings.
func TestLiteralsInEveryMode(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		for _, mode := range []string{"", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE"} {
			for _, charset := range []string{"utf8mb4", "latin1", "gbk", "sjis", "big5"} {
				side := e.side(t, "", map[string]string{"sql_mode": "'" + mode + "'", "character_set_client": charset, "character_set_connection": charset, "character_set_results": "utf8mb4"})
				for _, s := range nasty {
					query := "SELECT HEX(" + bytesLiteral(s) + "), 1"
					if charset == "utf8mb4" && utf8.ValidString(s) && !strings.ContainsAny(s, "\x00👩") { // which no identifier has
						query += " AS " + quote("a"+s+"a")
					}
					if utf8.ValidString(s) {
						query += ", HEX(" + textLiteral(s) + ")"
					} else {
						query += ", HEX(" + bytesLiteral(s) + ")"
					}
					var b, text sql.NullString
					var one int
					if err := side.QueryRowContext(t.Context(), query).Scan(&b, &one, &text); err != nil {
						t.Fatalf("%s %s %q: %v", mode, charset, s, err)
					}
					if want := fmt.Sprintf("%X", s); b.String != want || text.String != want || one != 1 {
						t.Errorf("%s %s: %q is read as %s and %s", mode, charset, s, b.String, text.String)
					}
				}
			}
		}
	})
}

// TestNastyTexts stores and finds them as keys and as values.
func TestNastyTexts(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		db := open(t, e.config(notesOn(t, e)))
		notes := tables(t, db, "notes")["notes"]
		var changes []writegate.Change
		var keys []any
		for _, s := range nasty {
			if key, err := notes.Column("id").Convert(s); err == nil {
				keys = append(keys, key)
				changes = append(changes, put(notes, key, writegate.Row{"body": s}))
			}
		}
		if err := write(t, db, changes...); err != nil {
			t.Fatal(describe(err))
		}
		rows := load(t, db, writegate.Read{Table: notes, Keys: keys, Columns: []string{"body"}, Lock: writegate.ForUpdate})[0]
		for _, key := range keys {
			if rows[key]["body"] != key {
				t.Errorf("%q comes back as %q", key, rows[key]["body"])
			}
		}
		if len(rows) != len(keys) {
			t.Errorf("%d rows for %d keys", len(rows), len(keys))
		}
	})
}
