package applierstest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// link settles links of a device, as its operation op leaves them.
func (d *database) link(client string, op int64, links map[writegate.LinkKey]writegate.Link) {
	d.t.Helper()
	d.settle(writegate.Settlement{Run: run(client, op, op), Links: links})
}

// links compares what a claim finds of links.
func (d *database) links(client string, want map[writegate.LinkKey]writegate.Link, asked ...writegate.LinkKey) {
	d.t.Helper()
	c := claim(client, 1000, 1000)
	c.Links = asked
	got := d.claimed(c).Links
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("links of %s (-want +got):\n%s", client, diff)
	}
}

type links = map[writegate.LinkKey]writegate.Link

var (
	linkA = writegate.LinkKey{Table: "lists", Row: "a"}
	linkB = writegate.LinkKey{Table: "lists", Row: "b"}
	linkC = writegate.LinkKey{Table: "todos", Row: "a"}
)

var linkCases = []testCase{
	{name: "round trip", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.links("d1", nil, linkA)
		d.link("d1", 1, links{linkA: {Base: "7", Made: "8"}, linkC: {Base: "", Made: "2026-08-21T14:29:30.123456Z"}})
		d.links("d1", links{linkA: {Base: "7", Made: "8"}, linkC: {Base: "", Made: "2026-08-21T14:29:30.123456Z"}}, linkA, linkB, linkC)
		d.links("d1", links{linkA: {Base: "7", Made: "8"}}, linkA)
		d.links("d1", nil, linkB)
		d.links("d1", nil)
	}},
	{name: "replaced", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.link("d1", 1, links{linkA: {Base: "1", Made: "2"}, linkB: {Base: "3", Made: "4"}})
		d.link("d1", 2, links{linkA: {Base: "1", Made: "5"}, linkC: {Base: "6", Made: "7"}})
		d.link("d1", 3, nil)
		d.links("d1", links{linkA: {Base: "1", Made: "5"}, linkB: {Base: "3", Made: "4"}, linkC: {Base: "6", Made: "7"}}, linkC, linkB, linkA)
	}},
	{name: "of another device, or user", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.link("d1", 1, links{linkA: {Base: "1", Made: "2"}})
		d.link("d2", 1, links{linkA: {Base: "3", Made: "4"}})
		for _, other := range []string{"D1", "d1 ", "d3", ""} {
			d.links(other, nil, linkA)
		}
		d.links("d1", links{linkA: {Base: "1", Made: "2"}}, linkA)
		c := claim("d1", 1, 1)
		c.Subject, c.Links = "u2", []writegate.LinkKey{linkA}
		if got := d.claimed(c); len(got.Runs) != 1 || got.Links[linkA].Made != "2" {
			t.Errorf("another user of the device is told %+v", got)
		}
	}},
	{name: "told apart exactly", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		all := links{}
		var asked []writegate.LinkKey
		for i, text := range []string{
			"a", "A", "ä", "a\u0308", " a", "a'b", `a"b`, `a\b`, "a.b", "", "1", "01", "null", "日本", strings.Repeat("x", 255), strings.Repeat("x", 254) + "y", strings.Repeat("€", 85),
		} {
			for j, at := range []writegate.LinkKey{{Table: text, Row: "r"}, {Table: "t", Row: text}} {
				all[at] = writegate.Link{Base: fmt.Sprint(i), Made: strings.Repeat(fmt.Sprint(j), 64)}
				asked = append(asked, at)
			}
		}
		d.link("d1", 1, all)
		d.links("d1", all, asked...)
		for _, at := range asked {
			d.links("d1", links{at: all[at]}, at)
		}
		d.links("d1", nil, writegate.LinkKey{Table: "r", Row: "a"}, writegate.LinkKey{Table: "a", Row: "t"})
	}},
	{name: "many", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		all := links{}
		var asked []writegate.LinkKey
		for i := range 1000 {
			at := writegate.LinkKey{Table: fmt.Sprint("t", i%3), Row: fmt.Sprint(i)}
			all[at] = writegate.Link{Base: fmt.Sprint(i), Made: fmt.Sprint(i + 1)}
			asked = append(asked, at)
		}
		d.link("d1", 1, all)
		d.links("d1", all, asked...)
	}},
	{name: "rolled back", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.link("d1", 1, links{linkA: {Base: "1", Made: "2"}})
		err := d.inTx(func(tx writegate.Tx) error {
			d.no(tx.Settle(t.Context(), writegate.Settlement{Run: run("d1", 2, 2), Links: links{linkA: {Base: "1", Made: "3"}, linkB: {Base: "4", Made: "5"}}}))
			return errWanted
		})
		if !errors.Is(err, errWanted) {
			t.Fatal(err)
		}
		d.links("d1", links{linkA: {Base: "1", Made: "2"}}, linkA, linkB)
	}},
	{name: "with a ledger row and a change", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.inTx(func(tx writegate.Tx) error {
			c := claim("d1", 1, 1)
			c.Links = []writegate.LinkKey{linkA}
			if _, err := tx.Claim(t.Context(), c); err != nil {
				return err
			}
			if err := tx.Write(t.Context(), []writegate.Change{d.insert("notes", "a", nil)}); err != nil {
				return err
			}
			return tx.Settle(t.Context(), writegate.Settlement{Run: run("d1", 1, 1), Links: links{linkA: {Base: "1", Made: "2"}}})
		}))
		c := claim("d1", 1, 1)
		c.Links = []writegate.LinkKey{linkA}
		if got := d.claimed(c); len(got.Runs) != 1 || got.Links[linkA].Made != "2" {
			t.Errorf("claimed %+v", got)
		}
		d.want("notes", `id="a"`)
	}},
}
