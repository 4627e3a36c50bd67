package upkeep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"writegate"
)

// clock is a clock that tests set.
type clock struct{ now time.Time }

func (c *clock) read() time.Time          { return c.now }
func (c *clock) advance(by time.Duration) { c.now = c.now.Add(by) }

func newClock() *clock { return &clock{time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)} }

var (
	missing = &writegate.Error{Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: "The table todos is missing.", Table: "todos"}
	kept    = &writegate.Error{Class: writegate.Refused, Code: writegate.UniqueViolation, Reason: "name.taken", Table: "lists"}
	closed  = &writegate.Error{Class: writegate.Retry, Code: writegate.Unavailable, Reason: writegate.ReasonMaintenance}
	tooLong = &writegate.Error{Class: writegate.Refused, Code: writegate.SchemaMismatch, Reason: writegate.ReasonHeld, Table: "todos"}
)

// result has an operation of each status; one with an r behind is a replay. What is held is held for why.
func result(why *writegate.Error, statuses ...string) *writegate.Result {
	res := &writegate.Result{Identified: true, Err: why}
	for _, s := range statuses {
		name, replayed := strings.CutSuffix(s, "+r")
		op := writegate.OpResult{Status: writegate.Status(name), Replayed: replayed}
		tx := writegate.TxResult{Status: op.Status, Failed: -1, Ops: []writegate.OpResult{op}}
		switch op.Status {
		case writegate.Held:
			tx.Err = why
		case writegate.Rejected, writegate.Aborted:
			tx.Err = tooLong
		}
		res.Transactions = append(res.Transactions, tx)
	}
	return res
}

// TestBlocked says for each history of a device whether it counts as blocked in the end, and since when an operator is to
// mend something, in minutes since the beginning; -1 is not at all.
func TestBlocked(t *testing.T) {
	const held, applied, replayed = string(writegate.Held), string(writegate.Applied), string(writegate.Applied) + "+r"
	type step struct {
		minute int
		res    *writegate.Result
		err    error
	}
	for name, tt := range map[string]struct {
		steps   []step
		blocked bool
		broken  int
	}{
		"nothing":                         {nil, false, -1},
		"applied":                         {[]step{{0, result(nil, applied), nil}}, false, -1},
		"an operator's":                   {[]step{{3, result(missing, held), nil}}, true, 3},
		"again and again":                 {[]step{{3, result(missing, held), nil}, {9, result(missing, held), nil}}, true, 3},
		"kept on the device":              {[]step{{3, result(kept, held), nil}}, true, -1},
		"may pass by itself":              {[]step{{3, result(errAsRetry(), held), nil}}, false, -1},
		"does not pass by itself":         {[]step{{3, result(errAsRetry(), held), nil}, {8, result(errAsRetry(), held), nil}}, true, -1},
		"passes, and then something else": {[]step{{0, result(errAsRetry(), held), nil}, {4, result(missing, held), nil}}, true, 4},
		"something else, and a blip":      {[]step{{0, result(missing, held), nil}, {4, result(errAsRetry(), held), nil}}, true, 0},
		"free again":                      {[]step{{0, result(missing, held), nil}, {1, result(nil, applied), nil}}, false, -1},
		"an empty upload frees nothing":   {[]step{{0, result(missing, held), nil}, {1, result(nil), nil}}, true, 0},
		"free, and held anew":             {[]step{{0, result(missing, held), nil}, {1, result(nil, applied), nil}, {7, result(missing, held), nil}}, true, 7},
		"moved on":                        {[]step{{0, result(missing, held), nil}, {5, result(missing, applied, held), nil}}, true, 5},
		"the same again behind a replay":  {[]step{{0, result(missing, held), nil}, {5, result(missing, replayed, held), nil}}, true, 0},
		"maintenance":                     {[]step{{0, result(closed, held), nil}, {9, result(closed, held), nil}}, false, -1},
		"maintenance frees nothing":       {[]step{{0, result(missing, held), nil}, {1, result(closed, held), nil}}, true, 0},
		"no result":                       {[]step{{2, nil, missing}}, true, 2},
		"no result, not classified":       {[]step{{2, nil, errors.New("x")}}, true, 2},
		"a token that may not":            {[]step{{2, nil, &writegate.Error{Class: writegate.Forbidden}}}, false, -1},
	} {
		c := newClock()
		begin := c.now
		b := NewBook(BookOptions{Now: c.read})
		for _, s := range tt.steps {
			c.now = begin.Add(time.Duration(s.minute) * time.Minute)
			b.Heard("d", "u", s.res, s.err)
		}
		if n, _ := b.Waiting(); (n == 1) != tt.blocked {
			t.Errorf("%s: %d devices wait", name, n)
		}
		want := time.Time{}
		if tt.broken >= 0 {
			want = begin.Add(time.Duration(tt.broken) * time.Minute)
		}
		if got := b.HeldSince("d", "u"); !got.Equal(want) {
			t.Errorf("%s: held since %s, want %s", name, got, want)
		}
		for _, other := range []device{{"d", "v"}, {"e", "u"}, {"", "u"}} {
			if got := b.HeldSince(other.client, other.subject); !got.IsZero() {
				t.Errorf("%s: %+v is held since %s", name, other, got)
			}
		}
	}
}

// errAsRetry is an error that may pass by itself.
func errAsRetry() *writegate.Error { return writegate.AsError(errAway) }

// TestGivenUp shows that a device which was waited for too long is not waited for as long with each of its writes.
func TestGivenUp(t *testing.T) {
	c := newClock()
	begin := c.now
	b := NewBook(BookOptions{Now: c.read})
	b.Heard("d", "u", result(missing, "held"), nil)
	c.advance(day)
	b.Heard("d", "u", result(nil, "aborted"), nil)
	if n, _ := b.Waiting(); n != 0 || !b.HeldSince("d", "u").Equal(begin) {
		t.Errorf("%d devices wait, held since %s", n, b.HeldSince("d", "u"))
	}
	c.advance(50 * time.Minute)
	b.Heard("d", "u", result(nil, "applied"), nil)
	b.Heard("d", "u", result(missing, "held"), nil)
	b.Heard("d", "u", result(nil, "aborted"), nil)
	c.advance(50 * time.Minute)
	if got := b.HeldSince("d", "u"); !got.Equal(begin) {
		t.Errorf("held since %s within an hour of the last", got)
	}
	c.advance(11 * time.Minute)
	if got := b.HeldSince("d", "u"); !got.IsZero() {
		t.Errorf("held since %s for ever", got)
	}
	b.Heard("e", "u", result(nil, "aborted+r"), nil)
	if got := b.HeldSince("e", "u"); !got.IsZero() {
		t.Errorf("a replay counts: held since %s", got)
	}
	b.tidy(c.now)
	if len(b.overdue) != 0 {
		t.Errorf("%d devices are remembered", len(b.overdue))
	}
}

func TestBookIsBounded(t *testing.T) {
	b := NewBook(BookOptions{Now: newClock().read})
	for i := range 3 * mostOfSubject {
		b.Heard(fmt.Sprint("d", i), "greedy", result(missing, "held"), nil)
	}
	if n, _ := b.Waiting(); n != mostOfSubject {
		t.Errorf("%d devices of one subject", n)
	}
	for i := range mostDevices + 10 {
		b.Heard("d", fmt.Sprint("u", i), result(missing, "held"), nil)
	}
	if n, _ := b.Waiting(); n != mostDevices {
		t.Errorf("%d devices", n)
	}
	for i := range 3 * mostOfSubject {
		b.Heard(fmt.Sprint("d", i), "greedy", result(nil, "applied"), nil)
	}
	for i := range mostDevices + 10 {
		b.Heard("d", fmt.Sprint("u", i), result(nil, "applied"), nil)
	}
	if len(b.held) != 0 || len(b.of) != 0 || len(b.freed) != 0 {
		t.Errorf("left: %d devices, %d subjects, %d to be freed", len(b.held), len(b.of), len(b.freed))
	}
}

func TestBookTells(t *testing.T) {
	c, log := newClock(), new(lines)
	b := NewBook(BookOptions{Now: c.read, Log: log.log(), Shared: []string{"seed"}})
	b.Heard("d1", "u1", result(missing, "held"), nil)
	b.Heard("d1", "u1", result(missing, "held"), nil)
	b.Heard("d2", "u2", result(errAsRetry(), "held"), nil)
	c.advance(10 * time.Minute)
	b.Heard("d2", "u2", result(errAsRetry(), "held"), nil)
	b.Heard("seed", "u3", result(missing, "held"), nil)
	if got := b.HeldSince("seed", "u3"); !got.IsZero() {
		t.Errorf("an id that many share is held since %s", got)
	}
	for _, line := range []string{`writegate_blocked_devices{code="SCHEMA_MISMATCH"} 2`, `writegate_blocked_devices{code="UNAVAILABLE"} 1`, `writegate_blocked_oldest_seconds 600`} {
		if got := scrape(t, b); !strings.Contains(got, line+"\n") {
			t.Errorf("no %s in\n%s", line, got)
		}
	}
	if n, oldest := b.Waiting(); n != 3 || !oldest.Equal(c.now.Add(-10*time.Minute)) {
		t.Errorf("%d wait, the first since %s", n, oldest)
	}
	b.Heard("d1", "u1", result(nil, "applied"), nil)
	for text, want := range map[string]int{
		`level=ERROR msg="device held back" client=d1 subject=u1 class=operator code=SCHEMA_MISMATCH reason="" table=todos`: 1,
		`level=WARN msg="device held back" client=d2 subject=u2 class=retry code=UNAVAILABLE`:                               1,
		`level=INFO msg="device free again" client=d1 subject=u1 code=SCHEMA_MISMATCH held=10m0s tries=2`:                   1,
		"10.0.0.7": 0,
	} {
		if got := strings.Count(log.String(), text); got != want {
			t.Errorf("%d times, not %d: %s\n%s", got, want, text, log)
		}
	}
}

// TestWatch has the book hear of results, errors and panics.
func TestWatch(t *testing.T) {
	b := NewBook(BookOptions{})
	apply := b.Watch(func(_ context.Context, c writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
		switch up.ClientID {
		case "held":
			return result(missing, "held"), nil
		case "failed":
			return nil, missing
		case "panics":
			panic("boom")
		}
		return result(nil, "applied"), nil
	})
	for _, client := range []string{"held", "failed", "panics", "fine"} {
		func() {
			defer func() {
				if v := recover(); (v != nil) != (client == "panics") {
					t.Errorf("%s: panic %v", client, v)
				}
			}()
			res, err := apply(t.Context(), writegate.Caller{Subject: "u"}, &writegate.Upload{ClientID: client})
			if (res != nil) == (client == "failed") || (err != nil) != (client == "failed") {
				t.Errorf("%s: %v, %v", client, res, err)
			}
		}()
		if held := !b.HeldSince(client, "u").IsZero(); held == (client == "fine") {
			t.Errorf("%s is held: %v", client, held)
		}
	}
}
