package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	docsPolicy = `policy: 1
claims:
  sub: {path: sub, type: text, required: true}
tables:
  lists:
    rules:
      - {name: owner, ops: [create, update, delete], row: row.owner == claims.sub, columns: [owner, name]}
  todos:
    rules:
      - {name: all, ops: [create, update, delete], row: "true", acknowledge: open, columns: [list_id, text]}
`
	docsTables = `create table lists (id text not null primary key, owner text not null, name text, colour text);
create table todos (id text not null primary key, list_id text not null references lists(id), text text);`
	docsMorning = `{"tx_id":6,"crud":[{"op_id":11,"op":"PUT","type":"lists","id":"home","data":{"owner":"ann","name":"Home"}},{"op_id":12,"op":"PUT","type":"todos","id":"t1","data":{"list_id":"home","text":"windows"}}]}
{"tx_id":7,"crud":[{"op_id":13,"op":"PUT","type":"lists","id":"party","data":{"owner":"ann","name":"Party","colour":"red"}},{"op_id":14,"op":"PATCH","type":"todos","id":"t1","data":{"text":"clean the windows"},"old":{"text":"windows"}}]}
{"tx_id":8,"crud":[{"op_id":15,"op":"PUT","type":"todos","id":"t2","data":{"list_id":"party","text":"lemons"}}]}
`
	docsEvening = `{"tx_id":3,"crud":[{"op_id":4,"op":"PATCH","type":"lists","id":"home","data":{"owner":"bob"}},{"op_id":5,"op":"PUT","type":"lists","id":"mine","data":{"owner":"ann","name":"Ours"}}]}
`
	docsBlocked = `insert into writegate_blocked (client, subject, since, last_try, tries, code, reason, table_name) values
  ('02f7c1d4', 'eve', '%s', '%s', 41, 'SCHEMA_MISMATCH', '', 'todos')`
)

// TestDocsOfOperations runs the commands that docs/operations.md shows, in order, on what two devices have sent, and
// compares what they print. Before the first retry, the policy is mended.
func TestDocsOfOperations(t *testing.T) {
	page, err := filepath.Abs("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	written(t, map[string]string{"policy.yaml": docsPolicy, "writegate.yaml": "auth: {audience: a, key_file: key.pem}\ndatabase: {driver: sqlite, dsn: app.db}\npolicy: policy.yaml\n"})
	statements(t, "app.db", docsTables)
	for _, sent := range [][3]string{{"ann", "6e31bf8c", docsMorning}, {"bob", "91aa0c2e", docsEvening}} {
		if _, err := upload(t.Context(), "writegate.yaml", sent[0], sent[1], sent[2]); err != nil {
			t.Fatal(err)
		}
	}
	const own = "2006-01-02T15:04:05.000000Z"
	statements(t, "app.db", fmt.Sprintf(docsBlocked, start.UTC().Add(-3*time.Hour).Format(own), start.UTC().Format(own)))
	mended := strings.Replace(docsPolicy, "[owner, name]", "[owner, name, colour]", 1)
	out := docsRuns.ReplaceAllStringFunc(string(text), func(block string) string {
		m := docsRuns.FindStringSubmatch(block)
		if strings.HasPrefix(m[1], "dead retry") {
			if err := os.WriteFile("policy.yaml", []byte(mended), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var both bytes.Buffer
		run(t.Context(), shellWords(m[1]), &both, &both)
		return "```console\n$ writegate " + m[1] + "\n" + revision.ReplaceAllString(moved(both.String(), start), "sha256:…") + "```"
	})
	if *update {
		if err := os.WriteFile(page, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(text), out); diff != "" {
		t.Error(diff)
	}
}

var times = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)

// moved tells the times of a text as if it had been half past nine at the start, in steps of ten minutes.
func moved(text string, start time.Time) string {
	return times.ReplaceAllStringFunc(text, func(at string) string {
		then, err := time.Parse(time.DateTime, at)
		if err != nil {
			return at
		}
		return time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC).Add(then.Sub(start).Round(10 * time.Minute)).Format(time.DateTime)
	})
}
