package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/configs"
)

func TestMoment(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"":                          "0001-01-01T00:00:00Z",
		"36h":                       "2026-11-20T21:30:00Z",
		"7d":                        "2026-11-15T09:30:00Z",
		"0s":                        "2026-11-22T09:30:00Z",
		"2026-11-01":                "2026-11-01T00:00:00Z",
		"2026-11-01T10:00:00+02:00": "2026-11-01T08:00:00Z",
		"yesterday":                 "", "-1h": "", "1d2h": "", "7": "", "d": "", "2026-13-01": "", "999999d": "",
	} {
		got, err := moment(text, now)
		if (err != nil) != (want == "") || err == nil && got.Format(time.RFC3339) != want {
			t.Errorf("%q: %v, %v; want %q", text, got, err, want)
		}
	}
}

// FuzzSpan reads any text, and no length of time that is below zero.
func FuzzSpan(f *testing.F) {
	for _, text := range []string{"7d", "99999d", "36h", "-1s", "1e9h", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := span(text); d < 0 || err != nil && d != 0 {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	})
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"alice": "alice", "Ätna 火": "Ätna 火", "a\tb\n": `a\tb\n`, "\x1b[2J": `\x1b[2J`, "\u009b2J": `\u009b2J`, "a\u202eb": `a\u202eb`,
		"\xff": `\ufffd`, `"quoted" \n`: `"quoted" \n`, "": "",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestLong(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m1s", 90 * time.Minute: "1h30m", 50 * time.Hour: "2d2h",
	} {
		if got := long(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

func TestAsk(t *testing.T) {
	for answer, want := range map[string]error{
		"y\n": nil, " YES \n": nil, "y": nil, "n\n": errUnconfirmed, "\n": errUnconfirmed, "": errUnconfirmed, "yesterday\n": errUnconfirmed,
	} {
		var out bytes.Buffer
		if err := ask(strings.NewReader(answer), &out, "Really?"); !errors.Is(err, want) || out.String() != "Really? [y/N] " {
			t.Errorf("%q: %v, asked %q", answer, err, out.String())
		}
	}
}

// TestProgress draws a bar, and has lines stand where it stood.
func TestProgress(t *testing.T) {
	var terminal, out bytes.Buffer
	o := &outcomes{stdout: &out, bar: &progress{w: &terminal, total: 3}, counts: map[what]int{}, total: 3}
	for i, w := range []what{applied, refused, applied} {
		o.add(&found{&shelf{}, letterOf(string(rune('a' + i)))}, outcome{Outcome: w, Code: map[what]writegate.Code{refused: "C"}[w], Message: map[what]string{refused: "No."}[w]})
	}
	o.finish(false)
	bar := func(full int, text string) string {
		return "\r[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "] " + text
	}
	if diff := cmp.Diff(bar(10, "1 of 3")+"\r\x1b[K"+bar(20, "2 of 3")+"\r\x1b[K", terminal.String()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("b  refused    C: No.\n3 dead letters: 2 applied, 1 refused\n", out.String()); diff != "" {
		t.Error(diff)
	}
}

func letterOf(id string) writegate.StoredLetter {
	return writegate.StoredLetter{DeadLetter: writegate.DeadLetter{ID: id}, State: writegate.LetterOpen}
}

// TestInOrder has devices by their oldest letters, and the letters of each as they were made.
func TestInOrder(t *testing.T) {
	s := &shelf{}
	at := func(client string, minute int, op int64) found {
		l := letterOf(client + "-" + string(rune('0'+op)))
		l.ClientID, l.Subject, l.FirstOp, l.At = client, "u", op, time.Unix(int64(60*minute), 0)
		return found{s, l}
	}
	var ids []string
	for _, l := range inOrder([]found{at("b", 1, 7), at("a", 2, 3), at("b", 3, 2), at("", 4, 0), at("a", 5, 1)}) {
		ids = append(ids, l.ID)
	}
	if diff := cmp.Diff([]string{"b-2", "b-7", "a-1", "a-3", "-0"}, ids); diff != "" {
		t.Error(diff)
	}
}

// TestWhole keeps runs that may go on in the next page for that.
func TestWhole(t *testing.T) {
	for _, tt := range []struct{ last, want []int64 }{
		{[]int64{1, 2, 3}, []int64{1, 2}},
		{[]int64{1, 3, 3}, []int64{1}},
		{[]int64{3, 3, 3}, []int64{3, 3, 3}},
	} {
		var runs []writegate.Run
		for _, last := range tt.last {
			runs = append(runs, writegate.Run{LastOp: last})
		}
		var got []int64
		for _, run := range whole(runs) {
			got = append(got, run.LastOp)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v: %s", tt.last, diff)
		}
	}
}

// TestTenancyOfLetter finds the tenant of a letter by its claims, or by where it is, or says why it can't.
func TestTenancyOfLetter(t *testing.T) {
	byDatabase := configs.Routes{Tenants: configs.Tenants{Claim: []string{"org"}, Databases: map[string]string{"17": "shop"}}}
	bySchema := configs.Routes{Schema: configs.TenantSchema{Claim: []string{"org"}, Allow: "tenant_[a-z]+"}}
	tests := []struct {
		name             string
		routes           configs.Routes
		claims, database string
		want             tenancy
		fails            string
	}{
		{"none", configs.Routes{}, `{}`, "shop", tenancy{database: configs.MainDatabase}, ""},
		{"by its claim", byDatabase, `{"org": 17}`, "main", tenancy{database: "shop"}, ""},
		{"by where it is", byDatabase, `{}`, "shop", tenancy{database: "shop"}, ""},
		{"of a shared database", byDatabase, `{}`, "main", tenancy{}, "the claim of routes has to be among the claims of the policy"},
		{"in a schema", bySchema, `{"org": "tenant_a"}`, "main", tenancy{database: configs.MainDatabase, schema: "tenant_a"}, ""},
		{"in a schema that is not said", bySchema, ``, "main", tenancy{}, "the claim of routes"},
		{"of a claim that can't be read", byDatabase, `{`, "shop", tenancy{}, "can't be read"},
	}
	for _, tt := range tests {
		tenants, err := newTenants(tt.routes)
		if err != nil {
			t.Fatal(err)
		}
		l := letterOf("a")
		l.Subject, l.Claims = "u1", writegate.JSON(tt.claims)
		got, err := tenants.ofLetter(&l, tt.database)
		if (err != nil) != (tt.fails != "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.fails)
		}
		if err == nil && got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestLines keeps every line of JSON one that can be read.
func TestLines(t *testing.T) {
	l := found{&shelf{database: "shop"}, letterOf("a")}
	l.Body, l.Claims, l.OpIndex, l.FirstOp, l.LastOp = []byte(`{"crud":[]}`), `{"org":`, -1, math.MaxInt64, math.MaxInt64
	var out bytes.Buffer
	if err := writeLines(&out, []found{l}, &tree{}); err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["database"] != "shop" || line["op_index"] != -1.0 || line["claims"] != nil {
		t.Errorf("%s, %v", out.String(), err)
	}
}
