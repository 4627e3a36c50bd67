package devsync

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStreamSendsEverythingThenChanges(t *testing.T) {
	src := &table{rows: map[string]string{"a": `{"n":1}`}}
	inBubble(t, src, func(t *testing.T, s *Server) {
		c := connect(t, s, "forever", `{"buckets":[],"include_checksum":true,"raw_data":true}`)
		first := c.lines(t)
		if c.status != 200 || c.header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("status %d, %v", c.status, c.header)
		}
		if len(first) != 4 || first[0].Expires == nil || first[1].Checkpoint.LastOpID != "1" || first[3].Complete.LastOpID != "1" {
			t.Fatalf("lines: %+v", first)
		}
		if diff := cmp.Diff([]string{`1 PUT lists/a {"n":1}`}, ops(first)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}

		src.set("a", `{"n":2}`)
		src.set("b", `{"n":3}`)
		time.Sleep(999 * time.Millisecond)
		if late := c.lines(t); len(late) != 0 {
			t.Errorf("before the poll: %+v", late)
		}
		time.Sleep(time.Second)
		if got := ops(c.lines(t)); len(got) != 2 {
			t.Errorf("after the poll: %v", got)
		}

		src.set("a", "")
		s.Nudge()
		time.Sleep(breath)
		if diff := cmp.Diff([]string{"4 REMOVE lists/a"}, ops(c.lines(t))); diff != "" {
			t.Errorf("after a nudge (-want +got):\n%s", diff)
		}
		time.Sleep(10 * time.Second)
		if quiet := c.lines(t); len(quiet) != 0 {
			t.Errorf("without changes: %+v", quiet)
		}
	})
}

func TestStreamResumesWhereTheClientIs(t *testing.T) {
	src := &table{rows: map[string]string{"a": "1"}}
	inBubble(t, src, func(t *testing.T, s *Server) {
		c := connect(t, s, "forever", `{}`)
		name := c.lines(t)[1].Checkpoint.Buckets[0].Bucket
		src.set("b", "2")
		time.Sleep(2 * time.Second)
		again := connect(t, s, "forever", `{"buckets":[{"name":"other","after":"7"},{"name":"`+name+`","after":"1"}]}`)
		if diff := cmp.Diff([]string{"2 PUT lists/b 2"}, ops(again.lines(t))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		afresh := connect(t, s, "forever", `{"buckets":[{"name":"gone","after":"1"}]}`)
		if got := ops(afresh.lines(t)); len(got) != 2 {
			t.Errorf("a client of another bucket got %v", got)
		}
	})
}

func TestStreamPages(t *testing.T) {
	src := &table{rows: map[string]string{}}
	for i := range 2*pageOps + 1 {
		src.rows[strconv.Itoa(i)] = "1"
	}
	inBubble(t, src, func(t *testing.T, s *Server) {
		var sizes []int
		var after []string
		for _, l := range connect(t, s, "forever", `{}`).lines(t) {
			if n := len(l.Data.Ops); n > 0 {
				sizes, after = append(sizes, n), append(after, fmt.Sprint(l.Data.After, "-", l.Data.NextAfter, " ", l.Data.HasMore))
			}
		}
		if diff := cmp.Diff([]int{pageOps, pageOps, 1}, sizes); diff != "" {
			t.Errorf("sizes (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"0-1000 true", "1000-2000 true", "2000-2001 false"}, after); diff != "" {
			t.Errorf("ranges (-want +got):\n%s", diff)
		}
	})
}

func TestStreamNamesSubscriptions(t *testing.T) {
	inBubble(t, &table{}, func(t *testing.T, s *Server) {
		c := connect(t, s, "forever", `{"streams":{"subscriptions":[{"stream":"x"},{"stream":"y"}]}}`)
		want := []map[string]int{{"default": 0}, {"sub": 0}, {"sub": 1}}
		if diff := cmp.Diff(want, c.lines(t)[1].Checkpoint.Buckets[0].Subscriptions); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestTokenExpiryEndsTheStream(t *testing.T) {
	inBubble(t, &table{}, func(t *testing.T, s *Server) {
		c := connect(t, s, "minute", `{}`)
		time.Sleep(59 * time.Second)
		var expires []int64
		for _, l := range c.lines(t) {
			if l.Expires != nil {
				expires = append(expires, *l.Expires)
			}
		}
		if diff := cmp.Diff([]int64{60, 40, 20}, expires); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if c.hasEnded() {
			t.Error("ended early")
		}
		time.Sleep(time.Second)
		if last := c.lines(t); !c.hasEnded() || len(last) == 0 || *last[len(last)-1].Expires != 0 {
			t.Errorf("ended %v after %+v", c.hasEnded(), last)
		}
	})
}

func TestCloseAndLeaveEndTheStream(t *testing.T) {
	inBubble(t, &table{}, func(t *testing.T, s *Server) {
		one, two := connect(t, s, "forever", `{}`), connect(t, s, "forever", `{}`)
		one.lines(t)
		one.leave()
		if !one.hasEnded() || two.hasEnded() {
			t.Errorf("after one left: %v, %v", one.hasEnded(), two.hasEnded())
		}
		if !one.deadline.IsZero() || two.deadline.IsZero() {
			t.Errorf("write deadlines: %v of a stream that ended, %v of one that is open", one.deadline, two.deadline)
		}
		s.Close()
		if !two.hasEnded() {
			t.Error("still open after Close")
		}
	})
}

func TestIdleCostsNothing(t *testing.T) {
	src := &table{}
	inBubble(t, src, func(t *testing.T, s *Server) {
		s.Nudge()
		time.Sleep(time.Hour)
		if n := src.count(); n != 0 {
			t.Errorf("%d snapshots with nobody connected", n)
		}
		c := connect(t, s, "forever", `{}`)
		time.Sleep(3500 * time.Millisecond)
		if n := src.count(); n != 4 {
			t.Errorf("%d snapshots in 3.5 s", n)
		}
		c.leave()
		time.Sleep(time.Hour)
		s.Nudge()
		time.Sleep(time.Hour)
		if n := src.count(); n != 4 {
			t.Errorf("%d snapshots after the last one left", n)
		}
		src.rows = map[string]string{"a": "1"}
		if got := ops(connect(t, s, "forever", `{}`).lines(t)); len(got) != 1 {
			t.Errorf("a client that comes later got %v", got)
		}
	})
}

func TestManyNudgesCauseFewSnapshots(t *testing.T) {
	src := &table{}
	inBubble(t, src, func(t *testing.T, s *Server) {
		connect(t, s, "forever", `{}`).lines(t)
		for range 1000 {
			s.Nudge()
			time.Sleep(time.Millisecond / 10)
		}
		if n := src.count(); n > 12 {
			t.Errorf("%d snapshots in 100 ms", n)
		}
	})
}

func TestFailingSourceIsTriedAgain(t *testing.T) {
	src := &table{rows: map[string]string{"a": "1"}, err: errors.New("away")}
	inBubble(t, src, func(t *testing.T, s *Server) {
		c := connect(t, s, "forever", `{}`)
		time.Sleep(2500 * time.Millisecond)
		if got := c.lines(t); len(got) != 1 || got[0].Expires == nil {
			t.Errorf("while the source is away: %+v", got)
		}
		src.fail(nil)
		time.Sleep(time.Second)
		if got := ops(c.lines(t)); len(got) != 1 {
			t.Errorf("afterwards: %v", got)
		}
	})
}
