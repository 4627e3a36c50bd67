package sqlite

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"

	"writegate"
	"writegate/appliers/applierstest"
)

var updatePages = flag.Bool("update", false, "write what the tests see into docs/types.md and docs/errors.md")

type (
	accept = applierstest.Accept
	refuse = applierstest.Refuse
)

func TestTypes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "types.db")
	db := openFile(t, path)
	side, err := open(path, url.Values{"_pragma": {busyTimeout}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = side.Close() })
	count := 0
	applierstest.TypeMatrix(t, applierstest.TypeHarness{
		Name: "sqlite", Title: "SQLite", Version: libraryVersion(t, side), Update: *updatePages, Applier: db,
		Make: func(t *testing.T, c applierstest.TypeCase) writegate.TableRef {
			count++
			name := fmt.Sprintf("t%d", count)
			if _, err := side.ExecContext(t.Context(), "CREATE TABLE "+name+" (id TEXT PRIMARY KEY, v "+c.Native+")"); err != nil {
				t.Fatal(err)
			}
			return writegate.TableRef{Name: name}
		},
		// quote tells 1 from '1' from X'31'.
		Raw: func(t *testing.T, table writegate.TableRef, id string) (text *string, found bool) {
			err := side.QueryRowContext(t.Context(), "SELECT CASE WHEN v IS NOT NULL THEN quote(v) END FROM "+table.Name+" WHERE id = ?", id).Scan(&text)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				t.Fatal(err)
			}
			return text, err == nil
		},
	}, typeMatrix)
}

func libraryVersion(t *testing.T, db *sql.DB) string {
	t.Helper()
	var version string
	if err := db.QueryRowContext(t.Context(), "SELECT sqlite_version()").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return "SQLite " + version
}

var typeMatrix = []applierstest.TypeCase{
	{Native: "TEXT", Note: "so are all types with CHAR, CLOB or TEXT in their names", Accepts: []accept{
		{Wire: "", Stored: "''"},
		{Wire: "größer 🐘 'x' \"q\"\n", Stored: "'größer 🐘 ''x'' \"q\"\n'"},
		{Wire: "007", Stored: "'007'"},
		{Wire: n("12.50"), Stored: "'12.50'"},
		{Wire: true, Stored: "'true'"},
		{Wire: writegate.JSON(`[1]`), Stored: "'[1]'"},
	}},
	{Native: "VARCHAR(3)", Note: "SQLite itself does not enforce lengths", Accepts: []accept{{Wire: "abcd", Stored: "'abcd'"}}},
	{Native: "INTEGER", Note: "so are all types with INT in their names", Accepts: []accept{
		{Wire: n("9223372036854775807"), Stored: "9223372036854775807"},
		{Wire: "-9223372036854775808", Stored: "-9223372036854775808"},
		{Wire: "9007199254740993", Stored: "9007199254740993"},
		{Wire: n("1.0"), Stored: "1"},
		{Wire: true, Stored: "1"},
	}, Refuses: []refuse{{Wire: n("9223372036854775808")}, {Wire: 1.5}, {Wire: "x"}, {Wire: ""}}},
	{Native: "REAL", Note: "so are FLOAT and DOUBLE", Accepts: []accept{
		{Wire: 0.1, Stored: "0.1"},
		{Wire: "3.5", Stored: "3.5"},
		{Wire: 3, Stored: "3.0"},
		{Wire: n("9007199254740992"), Stored: "9007199254740992.0"},
	}, Refuses: []refuse{{Wire: n("9007199254740993")}, {Wire: "NaN"}, {Wire: n("1e999")}, {Wire: "x"}, {Wire: ""}}},
	{Native: "DECIMAL(10,2)", Note: "so is NUMERIC; precision and scale are not enforced", Accepts: []accept{
		{Wire: "1.50", Stored: "1.5"},
		{Wire: n("12.34"), Stored: "12.34"},
		{Wire: "9223372036854775807", Stored: "9223372036854775807"},
		{Wire: n("1e3"), Stored: "1000"},
	}, Refuses: []refuse{{Wire: "123456789012345678.25", Says: "fewer digits"}, {Wire: "0.1234567890123456789"}, {Wire: "twelve"}, {Wire: ""}, {Wire: "NaN"}}},
	{Native: "DECIMAL_TEXT", Note: "keeps every digit", Accepts: []accept{
		{Wire: "1.50", Stored: "'1.50'"},
		{Wire: n("1234567890123456789.0123456789"), Stored: "'1234567890123456789.0123456789'"},
		{Wire: n("15e-1"), Stored: "'1.5'"},
	}, Refuses: []refuse{{Wire: "1,5"}, {Wire: ""}}},
	{Native: "BOOLEAN", Accepts: []accept{
		{Wire: 0, Stored: "0"}, {Wire: 1, Stored: "1"}, {Wire: true, Stored: "1"}, {Wire: "false", Stored: "0"}, {Wire: "1", Stored: "1"},
	}, Refuses: []refuse{{Wire: 2}, {Wire: "yes"}, {Wire: ""}}},
	{Native: "TIMESTAMP", Note: "so is DATETIME; text in UTC", Accepts: []accept{
		{Wire: "2026-08-21 14:29:30", Stored: "'2026-08-21T14:29:30.000000Z'"},
		{Wire: "2026-08-21", Stored: "'2026-08-21T00:00:00.000000Z'"},
		{Wire: "2026-08-21T14:29:30.123Z", Stored: "'2026-08-21T14:29:30.123000Z'"},
		{Wire: "2026-08-21T14:29:30.123456", Stored: "'2026-08-21T14:29:30.123456Z'"},
		{Wire: "2025-09-22 14:29:30.123Z", Stored: "'2025-09-22T14:29:30.123000Z'"},
		{Wire: "2025-09-22T14:29:30.000000Z", Stored: "'2025-09-22T14:29:30.000000Z'"},
		{Wire: "2023-03-06T15:47:00.123456700Z", Stored: "'2023-03-06T15:47:00.123456700Z'"},
		{Wire: "2026-08-21T16:29:30+02:00", Stored: "'2026-08-21T14:29:30.000000Z'"},
		{Wire: "0000-01-01 00:00:00Z", Stored: "'0000-01-01T00:00:00.000000Z'"},
		{Wire: "9999-12-31 23:59:59Z", Stored: "'9999-12-31T23:59:59.000000Z'"},
	}, Refuses: []refuse{{Wire: "11:22:33"}, {Wire: "2026-02-30"}, {Wire: "yesterday"}, {Wire: ""}, {Wire: 1787322570}}},
	{Native: "DATE", Accepts: []accept{
		{Wire: "2026-08-21", Stored: "'2026-08-21'"},
		{Wire: "2026-08-21T23:29:30.000-05:00", Stored: "'2026-08-21'"},
	}, Refuses: []refuse{{Wire: "21.08.2026"}, {Wire: 20260821}, {Wire: ""}}},
	{Native: "TIME", Note: "a type of no meaning to SQLite: text stays text, numbers are numbers", Accepts: []accept{
		{Wire: "14:29:30", Stored: "'14:29:30'"}, {Wire: "7", Stored: "7"},
	}, Refuses: []refuse{{Wire: "007"}}},
	{Native: "JSON", Accepts: []accept{
		{Wire: `{"b": [1, null], "a": "x"}`, Stored: `'{"b": [1, null], "a": "x"}'`},
		{Wire: writegate.JSON(`{"n":12345678901234567890}`), Stored: `'{"n":12345678901234567890}'`},
		{Wire: `"text"`, Stored: `'"text"'`},
		{Wire: "5", Stored: "5"},
	}, Refuses: []refuse{{Wire: "hello"}, {Wire: ""}, {Wire: `{"role":"admin","role":"user"}`, Says: "name twice"}, {Wire: n("5.0")}}},
	{Native: "JSON_TEXT", Note: "numbers at the top keep their digits too", Accepts: []accept{
		{Wire: "12345678901234567890123", Stored: "'12345678901234567890123'"},
	}},
	{Native: "UUID", Note: "so is GUID", Accepts: []accept{
		{Wire: "0B0E8A52-5A3B-4B0C-8A52-0123456789AB", Stored: "'0b0e8a52-5a3b-4b0c-8a52-0123456789ab'"},
		{Wire: "0b0e8a525a3b4b0c8a520123456789ab", Stored: "'0b0e8a52-5a3b-4b0c-8a52-0123456789ab'"},
	}, Refuses: []refuse{{Wire: "0b0e8a52"}, {Wire: ""}, {Wire: 1}}},
	{Native: "BLOB", Note: "hex", Accepts: []accept{{Wire: "6869", Stored: "X'6869'"}, {Wire: `\x00fF`, Stored: "X'00FF'"}, {Wire: "0x00", Stored: "X'00'"}, {Wire: "", Stored: "X''"}}, Refuses: []refuse{{Wire: "a"}, {Wire: "aGk="}, {Wire: 1}}},
	{Native: "", Note: "no type: values stay what they are", Accepts: []accept{
		{Wire: "007", Stored: "'007'"}, {Wire: 7, Stored: "7"}, {Wire: 0.5, Stored: "0.5"}, {Wire: true, Stored: "1"}, {Wire: writegate.JSON(`{"a":1}`), Stored: `'{"a":1}'`},
	}, Refuses: []refuse{{Wire: n("9223372036854775809")}, {Wire: n("12345678901234567890.5")}}},
	{Native: "STRING", Note: "a trap: SQLite makes numbers of text here", Accepts: []accept{
		{Wire: "text", Stored: "'text'"}, {Wire: "7", Stored: "7"},
	}, Refuses: []refuse{{Wire: "007"}, {Wire: "1e5"}, {Wire: "123456789012345678901"}}},
	{Native: "INTEGER GENERATED ALWAYS AS (length(id)) STORED", Dropped: true, Accepts: []accept{{Wire: 7, Stored: "4"}}},
	{Native: "INTEGER AS (length(id)) VIRTUAL", Dropped: true, Accepts: []accept{{Wire: 7, Stored: "4"}}},
}
