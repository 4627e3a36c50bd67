package applierstest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"writegate"
)

// history reads what is settled of a device, in an order of its own where the contract has none.
func (d *database) history(client string, after int64, most int) writegate.History {
	d.t.Helper()
	h, err := d.keeper().History(d.t.Context(), client, after, most)
	d.no(err)
	slices.SortFunc(h.Refusals, func(a, b writegate.Refusal) int {
		return cmp.Or(cmp.Compare(a.OpID, b.OpID), cmp.Compare(a.Subject, b.Subject))
	})
	return h
}

func (d *database) wantHistory(client string, after int64, most int, runs []*writegate.Run, refusals ...writegate.Refusal) {
	d.t.Helper()
	want := writegate.History{Refusals: refusals}
	for _, r := range runs {
		want.Runs = append(want.Runs, *r)
	}
	of := cmpopts.IgnoreFields(writegate.History{}, "Known", "Subject", "LastOp", "FirstSeen", "LastSeen")
	if diff := gocmp.Diff(want, d.history(client, after, most), of, cmpopts.EquateEmpty()); diff != "" {
		d.t.Errorf("history of %s behind %d (-want +got):\n%s", client, after, diff)
	}
}

// today is a run that is settled now.
func today(client string, first, last int64) *writegate.Run {
	r := run(client, first, last)
	r.SettledAt = time.Now().UTC().Truncate(time.Millisecond)
	return r
}

var historyCases = []testCase{
	{name: "of an unknown device", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.no(d.upload(claim("d1", 1, 1), writegate.Settlement{Run: today("d1", 1, 1)}))
		for _, other := range []string{"D1", "d1 ", "d2", ""} {
			if h := d.history(other, 0, 10); h.Known || len(h.Runs)+len(h.Refusals) > 0 {
				t.Errorf("history of %q: %+v", other, h)
			}
		}
	}},
	{name: "page by page", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		a, b, c := today("d1", 1, 5), today("d1", 6, 10), today("d1", 20, 30)
		c.Subject = "u2"
		three, seven, high := refusal("d1", "u1", 3), refusal("d1", "u1", 7), refusal("d1", "u2", 25)
		d.no(d.upload(claim("d1", 1, 5), writegate.Settlement{Run: a, Refusals: []writegate.Refusal{three}}))
		d.no(d.upload(claim("d1", 6, 10), writegate.Settlement{Run: b, Refusals: []writegate.Refusal{seven}}))
		d.no(d.upload(claim("d2", 1, 100), writegate.Settlement{Run: today("d2", 1, 100), Refusals: []writegate.Refusal{refusal("d2", "u1", 3)}}))
		later := claim("d1", 20, 30)
		later.Subject = "u2"
		d.no(d.upload(later, writegate.Settlement{Run: c, Refusals: []writegate.Refusal{high}}))
		d.wantHistory("d1", 0, 10, []*writegate.Run{a, b, c}, three, seven, high)
		d.wantHistory("d1", 0, 2, []*writegate.Run{a, b}, three, seven)
		d.wantHistory("d1", 10, 2, []*writegate.Run{c}, high)
		d.wantHistory("d1", 7, 2, []*writegate.Run{b, c}, seven, high)
		d.wantHistory("d1", 30, 2, nil)
		h := d.history("d1", 30, 1)
		if !h.Known || h.Subject != "u2" || h.LastOp != 30 {
			t.Errorf("the device is known: %v, of %q, up to %d", h.Known, h.Subject, h.LastOp)
		}
		for what, at := range map[string]time.Time{"first": h.FirstSeen, "last": h.LastSeen} {
			if off := time.Since(at).Abs(); off > time.Minute {
				t.Errorf("the device was %s seen at %v, which is %v away", what, at, off)
			}
		}
	}},
	{name: "of a device that was only asked for", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		k := d.keeper()
		d.claimed(claim("d1", 1, 1))
		if h, err := k.History(t.Context(), "d1", 0, 1); err != nil || !h.Known || len(h.Runs) > 0 {
			t.Errorf("history %+v, %v", h, err)
		}
	}},
	{name: "of devices with odd names", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		runs := map[string]*writegate.Run{}
		for i, client := range odd {
			r := today(client, int64(i+1), int64(i+1))
			r.Subject = client
			c := claim(client, r.FirstOp, r.LastOp)
			c.Subject = client
			d.no(d.upload(c, writegate.Settlement{Run: r}))
			runs[client] = r
		}
		for client, r := range runs {
			d.wantHistory(client, 0, 10, []*writegate.Run{r})
			if h := d.history(client, 0, 1); !h.Known || h.Subject != client {
				t.Errorf("%q is known: %v, of %q", client, h.Known, h.Subject)
			}
		}
	}},
}
