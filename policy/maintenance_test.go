package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// TestMaintenance says for each policy which operations have to wait.
func TestMaintenance(t *testing.T) {
	far := schema(todoSchema)
	far["todos"].Database = "far"
	for name, tt := range map[string]struct {
		says string
		want string // of those on lists, todos and a table that there is not
		wait time.Duration
	}{
		"nothing":            {"", "lists todos none", 0},
		"off":                {"maintenance: {all: false}", "lists todos none", 0},
		"a table":            {"maintenance: {tables: lists}", "todos none", time.Minute},
		"all":                {"maintenance: {all: true, retry_after: 5m}", "", 5 * time.Minute},
		"a database":         {"maintenance: {databases: [far]}", "lists none", time.Minute},
		"the first database": {"maintenance: {databases: [main], tables: [todos]}", "none", time.Minute},
	} {
		s, err := Parse("p.yaml", []byte("policy: 1\n"+tt.says+"\ntables: {lists: {}, todos: {}}\n"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := s.Bind(far)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		j, err := b.Judge(writegate.Asking{Caller: writegate.Caller{Subject: "u"}, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		var open []string
		for _, table := range []string{"lists", "todos", "none"} {
			op := &writegate.Op{Kind: writegate.Put, Table: table, ID: "x", Fault: writegate.Refuse(writegate.InvalidData, "op.unknown", "no operation")}
			_, e := j.Admit(op)
			if e.Class == writegate.Refused {
				open = append(open, table)
				continue
			}
			if e.Class != writegate.Retry || e.Reason != writegate.ReasonMaintenance || e.RetryAfter != tt.wait || !strings.Contains(e.Message, "closed for maintenance") {
				t.Errorf("%s: %s: %+v", name, table, e)
			}
			if table == "none" && strings.Contains(e.Message+e.Table, table) {
				t.Errorf("%s: the client's word in %q", name, e.Message)
			}
		}
		if diff := cmp.Diff(tt.want, strings.Join(open, " ")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestRetention reads how long things are kept, and what a policy is warned of.
func TestRetention(t *testing.T) {
	const day = 24 * time.Hour
	for says, tt := range map[string]struct {
		want Retention
		held time.Duration
		warn string
	}{
		"name: plain":                                     {want: Retention{90 * day, 90 * day}},
		"engine: {ledger: {keep: 30d}}":                   {want: Retention{30 * day, 90 * day}},
		"dead_letter: {keep: 1d}":                         {want: Retention{90 * day, day}},
		"held: {after: 24h}":                              {want: Retention{90 * day, 90 * day}, held: day},
		"engine: {ledger: {keep: 7d}}":                    {want: Retention{7 * day, 90 * day}},
		"engine: {ledger: {keep: 167h}}":                  {want: Retention{167 * time.Hour, 90 * day}, warn: "for more than 167h"},
		"engine: {ledger: {keep: 1d}}\nheld: {after: 1h}": {want: Retention{day, 90 * day}, held: time.Hour, warn: "for more than 1d"},
		"held: {after: 59m}":                              {want: Retention{90 * day, 90 * day}, held: 59 * time.Minute, warn: "has 59m until"},
		"maintenance: {databases: far}":                   {want: Retention{90 * day, 90 * day}, warn: "no table of the policy is in a database far"},
	} {
		s, err := Parse("p.yaml", []byte("policy: 1\n"+says+"\ntables: {}\n"))
		if err != nil {
			t.Fatalf("%s: %v", says, err)
		}
		b, err := s.Bind(nil)
		if err != nil {
			t.Fatalf("%s: %v", says, err)
		}
		if diff := cmp.Diff(tt.want, s.Retention()); diff != "" || b.Batch().Held != tt.held {
			t.Errorf("%s: %s, held %s", says, diff, b.Batch().Held)
		}
		if got := b.Warnings().Error(); (tt.warn == "") != (got == "") || !strings.Contains(got, tt.warn) {
			t.Errorf("%s: warnings %q, want %q", says, got, tt.warn)
		}
	}
}
