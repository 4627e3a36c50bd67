package issue

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/auth"
)

// asked is a lookup of one user, and what it makes.
type asked struct {
	where  map[string]string
	caller map[string]any
	claims map[string]string
	want   map[string]any
	reason string
}

// lookups are those that every engine answers alike.
var lookups = map[string]asked{
	"found": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": "alice"},
		claims: map[string]string{"tenant": "row.tenant", "person": "row.id", "dark": "row.settings.dark", "size": "row.settings.size", "since": "row.joined", "me": "row.user_id"},
		want: map[string]any{
			"tenant": "t1", "person": "p1", "dark": true, "size": int64(12345678901234567), "since": "2026-05-04T12:00:30Z", "me": "alice",
		},
	},
	"by two columns": {
		where: map[string]string{"user_id": "sub", "age": "years"}, caller: map[string]any{"sub": "alice", "years": json.Number("42")},
		claims: map[string]string{"tenant": "row.tenant"}, want: map[string]any{"tenant": "t1"},
	},
	"by the key": {
		where: map[string]string{"id": "person"}, caller: map[string]any{"person": "p1"},
		claims: map[string]string{"tenant": "row.tenant"}, want: map[string]any{"tenant": "t1"},
	},
	"null is left out": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": "nothing"},
		claims: map[string]string{"a": "row.?tenant"}, want: map[string]any{},
	},
	"no row": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": "bob"},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"no row, and that is fine": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": "bob"},
		claims: map[string]string{"tenant": `row.?tenant.orValue("free")`}, want: map[string]any{"tenant": "free"},
	},
	"the claim is not there": {
		where: map[string]string{"user_id": "email"}, caller: map[string]any{"sub": "alice"},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"the claim is null": { // where a row has an empty text
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": nil},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"the claim is a list": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": []any{"alice"}},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"the claim does not fit": {
		where: map[string]string{"age": "sub"}, caller: map[string]any{"sub": "alice"},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"another case": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": "ALICE"},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"an accent": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": "alicé"},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"a blank at the end": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": "alice "},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"the key in another case": {
		where: map[string]string{"id": "person"}, caller: map[string]any{"person": "P1"},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"a number for a text": { // MySQL takes every text for 0
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": json.Number("0")},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"a number and more": {
		where: map[string]string{"user_id": "sub", "age": "years"}, caller: map[string]any{"sub": "alice", "years": "42 or so"},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"a statement": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": "' or '1'='1"},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"a zero byte": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": "alice\x00"},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"a long text": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": strings.Repeat("alice", 2000)},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "forbidden UNAUTHORIZED issue.not_entitled",
	},
	"two rows": {
		where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": "twin"},
		claims: map[string]string{"tenant": "row.tenant"}, reason: "operator UNCLASSIFIED_ERROR ",
	},
}

func (tt asked) test(t *testing.T, db writegate.Applier) {
	t.Helper()
	m := new(minted)
	o := options(m)
	o.Claims = tt.claims
	o.Lookup = &Lookup{Database: db, Table: "people", Where: tt.where, Select: []string{"tenant", "settings", "joined", "id", "user_id"}}
	_, err := mustNew(t, o).Issue(t.Context(), Request{Caller: &writegate.Caller{Subject: "alice", Claims: tt.caller}})
	if reasonOf(err) != tt.reason {
		t.Errorf("%v (%v), want %q", err, writegate.AsError(err), tt.reason)
	}
	if diff := cmp.Diff(tt.want, m.last.Claims); diff != "" {
		t.Error(diff)
	}
}

func TestLookup(t *testing.T) {
	db := people(t)
	for name, tt := range lookups {
		t.Run(name, func(t *testing.T) { tt.test(t, db) })
	}
	t.Run("a document that is none", func(t *testing.T) {
		asked{
			where: map[string]string{"user_id": "sub"}, caller: map[string]any{"sub": "odd"},
			claims: map[string]string{"tenant": "row.tenant"}, reason: "operator UNCLASSIFIED_ERROR ",
		}.test(t, db)
	})
}

func TestLookupOptions(t *testing.T) {
	db := people(t)
	for name, tt := range map[string]struct {
		lookup Lookup
		want   string
	}{
		"nothing": {
			Lookup{},
			"issue.lookup.table: required\nissue.lookup.where: required: columns, and the claims that they have to be equal to\nissue.lookup.select: required: the columns that expressions read as row",
		},
		"no such table": {Lookup{Table: "persons", Where: map[string]string{"a": "sub"}, Select: []string{"a"}}, "issue.lookup.table: "},
		"no such columns": {
			Lookup{Table: "people", Where: map[string]string{"user": "sub", "age": ""}, Select: []string{"name", "photo"}},
			"issue.lookup.where.age: required: a claim of the app's token\nissue.lookup.where.user: table people has no such column\n" +
				"issue.lookup.select: table people has no column \"name\"\nissue.lookup.select: column \"photo\" is binary, which no claim can be",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(new(minted))
			tt.lookup.Database = db
			o.Lookup = &tt.lookup
			if _, err := New(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestLookupTurns: when all devices ask at once, uploads still find connections.
func TestLookupTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &slowly{people(t), make(chan struct{}), new(atomic.Int32), new(atomic.Int32)}
		l, err := newLookup(t.Context(), Lookup{Database: db, Table: "people", Where: map[string]string{"user_id": "sub"}, Select: []string{"tenant"}, AtOnce: 2})
		if err != nil {
			t.Fatal(err)
		}
		var found, away atomic.Int32
		ask := func() {
			switch _, err := l.find(t.Context(), *alice()); reasonOf(err) {
			case "":
				found.Add(1)
			case "retry UNAVAILABLE ":
				away.Add(1)
			default:
				t.Error(err)
			}
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(ask)
		}
		synctest.Wait()
		time.Sleep(longestWait + time.Millisecond)
		synctest.Wait()
		close(db.open)
		all.Wait()
		if found.Load() != 2 || away.Load() != 3 || db.most.Load() != 2 {
			t.Errorf("%d found, %d sent away, %d at once", found.Load(), away.Load(), db.most.Load())
		}
		all.Go(ask)
		all.Wait()
		if found.Load() != 3 {
			t.Error("a turn was not given back")
		}
	})
}

// slowly is a database whose transactions wait until it is open, and that counts them.
type slowly struct {
	writegate.Applier
	open      chan struct{}
	now, most *atomic.Int32
}

func (s *slowly) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	defer s.now.Add(-1)
	<-s.open
	return s.Applier.InTx(ctx, caller, fn)
}

// TestLookupAway: no token is made without what it is made from, and no database text reaches a client.
func TestLookupAway(t *testing.T) {
	db, m := people(t), new(minted)
	o := options(m)
	o.Claims = map[string]string{"tenant": `row.?tenant.orValue("free")`}
	o.Lookup = &Lookup{Database: db, Table: "people", Where: map[string]string{"user_id": "sub"}, Select: []string{"tenant"}}
	i := mustNew(t, o)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := i.Issue(t.Context(), Request{Caller: alice()})
	if got != nil || reasonOf(err) != "retry UNAVAILABLE " || strings.Contains(err.Error(), "closed") {
		t.Errorf("%v, %v", got, err)
	}
	if diff := cmp.Diff(auth.MintOptions{}, m.last); diff != "" {
		t.Error(diff)
	}
}
