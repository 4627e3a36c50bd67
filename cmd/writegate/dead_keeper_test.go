package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// fakeKeeper has letters and runs, and pages them. What it does not have it does not do.
type fakeKeeper struct {
	writegate.Keeper
	letters []writegate.StoredLetter
	runs    []writegate.Run
	fails   error
	asked   int
}

func (k *fakeKeeper) Letters(_ context.Context, q writegate.LetterQuery, most int) ([]writegate.StoredLetter, error) {
	if k.asked++; k.fails != nil {
		return nil, k.fails
	}
	from := 0
	if q.AfterID != "" {
		from = 1 + slices.IndexFunc(k.letters, func(l writegate.StoredLetter) bool { return l.ID == q.AfterID })
	}
	return slices.Clone(k.letters[from:min(len(k.letters), from+most)]), nil
}

func (k *fakeKeeper) Letter(_ context.Context, id string) (*writegate.StoredLetter, error) {
	for _, l := range k.letters {
		if l.ID == id {
			l.Body = []byte(`{"crud":[]}`)
			return &l, nil
		}
	}
	return nil, k.fails
}

func (k *fakeKeeper) History(_ context.Context, _ string, after int64, most int) (h writegate.History, err error) {
	k.asked++
	for _, run := range k.runs {
		if run.LastOp > after && len(h.Runs) < most {
			h.Runs = append(h.Runs, run)
		}
	}
	return h, k.fails
}

// pages is a keeper with letters enough for several.
func pages(name string, n int) (*shelf, *fakeKeeper) {
	k := &fakeKeeper{}
	for i := range n {
		l := letterOf(fmt.Sprintf("%s%05d", name, i))
		l.At = time.Unix(int64(i), 0)
		k.letters = append(k.letters, l)
	}
	return &shelf{name: name, database: name, letterBox: k, keeper: k}, k
}

// TestPages lists everything of several databases, oldest first, and no more than was asked for.
func TestPages(t *testing.T) {
	a, ka := pages("a", 2*pageSize)
	b, _ := pages("b", 3)
	all := shelves{a, b}
	for _, tt := range []struct {
		limit, want int
		more        bool
		last        string
	}{
		{0, 2*pageSize + 3, false, "a00999"},
		{2*pageSize + 3, 2*pageSize + 3, false, "a00999"},
		{pageSize + 5, pageSize + 5, true, "a00501"},
		{4, 4, true, "b00001"},
	} {
		letters, more, err := all.meant(t.Context(), writegate.LetterQuery{}, tt.limit)
		if err != nil || len(letters) != tt.want || more != tt.more || letters[len(letters)-1].ID != tt.last {
			t.Errorf("limit %d: %d letters to %s, more %v, %v", tt.limit, len(letters), letters[len(letters)-1].ID, more, err)
		}
	}
	ka.fails = writegate.TryLater(errors.New("gone"))
	if _, _, err := all.meant(t.Context(), writegate.LetterQuery{}, 0); err == nil || !strings.HasPrefix(err.Error(), "database a: ") || !strings.HasSuffix(err.Error(), ": gone") {
		t.Errorf("%v", err)
	}
}

// TestHistoryPages yields each operation once, wherever pages end.
func TestHistoryPages(t *testing.T) {
	db := &fakeKeeper{}
	for i := range int64(2*historyPage + 7) {
		// Of three runs each the last operation is the same, so that pages end in the midst of them.
		id := 1 + i/3
		db.runs = append(db.runs, writegate.Run{LastOp: id, SettledAt: time.Unix(i, 0), Ops: oneOp(id)})
	}
	s := &shelf{letterBox: db, keeper: db}
	first, err := db.History(t.Context(), "d", 0, historyPage)
	if err != nil {
		t.Fatal(err)
	}
	var times []int64
	for e, err := range s.entries(t.Context(), "d", 0, first) {
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, e.At.Unix())
	}
	for i, at := range times {
		if at != int64(i) {
			t.Fatalf("entry %d is that of %d", i, at)
		}
	}
	if len(times) != len(db.runs) || db.asked != 3 {
		t.Errorf("%d entries in %d pages, want %d in 3", len(times), db.asked, len(db.runs))
	}
}

// TestHistoryOfOneNumber shows all of a device whose app numbers each operation alike, and what follows.
func TestHistoryOfOneNumber(t *testing.T) {
	db := &fakeKeeper{}
	for i := range int64(3*historyPage + 1) {
		db.runs = append(db.runs, writegate.Run{LastOp: 1 + i/(3*historyPage), SettledAt: time.Unix(i, 0), Ops: oneOp(1 + i/(3*historyPage))})
	}
	s := &shelf{letterBox: db, keeper: db}
	first, err := db.History(t.Context(), "d", 0, historyPage)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range s.entries(t.Context(), "d", 0, first) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != len(db.runs) {
		t.Errorf("%d entries, want %d", n, len(db.runs))
	}
}

// oneOp is the packed form of one applied operation.
func oneOp(id int64) []byte {
	return append(append(binary.AppendVarint(nil, id), make([]byte, len(writegate.Fingerprint{}))...), 0)
}

// TestSkeleton keeps what says which letters hang together, and little else.
func TestSkeleton(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	bodies := []string{
		`{"tx_id":1,"crud":[{"op_id":1,"op":"PUT","type":"lists","id":"l1","data":{"name":"` + large + `","n":1,"doc":{"a":"b"}},"old":{"name":"` + large + `"},"metadata":"` + large + `"}]}`,
		`{"crud":[{"op_id":2,"op":"PUT","type":"todos","id":"t1","data":{"list":"l1"},"redacted":["text"]}]}`,
		`{"crud":[{"op_id":3,"op":"DELETE","type":"todos","id":"t1"}]}`,
		`{"crud":[{"op_id":4,"op":"PUT","type":"todos","id":"t4","data":{"list":null}}]}`,
		`{"crud":`,
	}
	var letters []writegate.StoredLetter
	for i, body := range bodies {
		l := letterOf(fmt.Sprint(i))
		if l.FirstOp, l.Body = int64(i+1), skeleton([]byte(body)); len(l.Body) > 200 {
			t.Errorf("%.300s", l.Body)
		}
		letters = append(letters, l)
	}
	if diff := cmp.Diff([][]int{{1, 2}, {2}, nil, nil, nil}, writegate.Dependants(letters)); diff != "" {
		t.Error(diff)
	}
}
