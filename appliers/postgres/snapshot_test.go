package postgres

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

func TestSnapshot(t *testing.T) {
	dsn := database(t, `create table things (uuid uuid primary key, b bool, i bigint, r float8, n numeric, t text, j jsonb, ts timestamptz, local timestamp, d date, bin bytea,
		bins bytea[], arr text[], bools bool[], id int);
		insert into things values ('6F9619FF-8B86-D011-B42D-00CF4FC964FF', true, 9223372036854775807, 2.5, 12.340, 'ö"', '{"a": [1]}', '2026-01-02 01:04:05.678901Z',
		'2026-01-02 01:04:05.5', '2026-01-02', '\x00', '{"\\x00"}', '{a,NULL}', '{t,f}', 7);
		insert into things (uuid, ts, local, d) values ('00000000-0000-0000-0000-000000000000', 'infinity', '-infinity', 'infinity')`)
	db := open(t, Config{DSN: dsn + "&timezone=Europe/Berlin&datestyle=German"})
	_ = tables(t, db, "things")
	var got []string
	err := db.Snapshot(t.Context(), []string{"things"}, func(table, id string, data []byte) error {
		got = append(got, fmt.Sprintf("%s %s %s", table, id, data))
		return nil
	})
	if err != nil {
		t.Fatal(err, writegate.AsError(err).Cause)
	}
	want := []string{
		`things 6f9619ff-8b86-d011-b42d-00cf4fc964ff {"id":"6f9619ff-8b86-d011-b42d-00cf4fc964ff","uuid":"6f9619ff-8b86-d011-b42d-00cf4fc964ff","b":1,"i":9223372036854775807,"r":2.5,"n":"12.340","t":"ö\"",` +
			`"j":"{\"a\": [1]}","ts":"2026-01-02 01:04:05.678901Z","local":"2026-01-02 01:04:05.500","d":"2026-01-02","arr":"[\"a\",null]","bools":"[1,0]"}`,
		`things 00000000-0000-0000-0000-000000000000 {"id":"00000000-0000-0000-0000-000000000000","uuid":"00000000-0000-0000-0000-000000000000","b":null,"i":null,"r":null,"n":null,"t":null,` +
			`"j":null,"ts":"9999-12-31 23:59:59Z","local":"0000-01-01 00:00:00","d":"9999-12-31","arr":null,"bools":null}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := db.Snapshot(t.Context(), []string{"nope"}, nil); err == nil {
		t.Error("a table that was not introspected is no error")
	}
}
