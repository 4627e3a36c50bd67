package applier_test

import (
	"errors"
	"slices"
	"testing"

	"writegate"
	"writegate/internal/applier"
)

func TestLockOrder(t *testing.T) {
	reads := []struct {
		table string
		lock  writegate.Lock
	}{
		{"todos", writegate.Unlocked}, {"lists", writegate.ForShare}, {"todos", writegate.ForUpdate}, {"lists", writegate.ForUpdate}, {"lists", writegate.ForShare},
	}
	got := applier.LockOrder(len(reads), func(i int) (string, writegate.Lock) { return reads[i].table, reads[i].lock })
	if want := []int{3, 1, 4, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("order is %v, want %v", got, want)
	}
}

func TestAlike(t *testing.T) {
	lists, todos := &writegate.Table{Name: "lists"}, &writegate.Table{Name: "todos"}
	first := writegate.Change{Verb: writegate.Insert, Table: lists, Key: "a", Set: writegate.Row{"name": "x", "n": 1}}
	second := writegate.Change{Verb: writegate.Insert, Table: lists, Key: "b", Set: writegate.Row{"name": "y", "n": nil}}
	tests := []struct {
		name  string
		third func(*writegate.Change)
		want  int
	}{
		{"alike", func(*writegate.Change) {}, 3},
		{"another verb", func(c *writegate.Change) { c.Verb = writegate.Update }, 2},
		{"another table", func(c *writegate.Change) { c.Table = todos }, 2},
		{"the first row again", func(c *writegate.Change) { c.Key = "a" }, 2},
		{"the second row again", func(c *writegate.Change) { c.Key = "b" }, 2},
		{"fewer columns", func(c *writegate.Change) { c.Set = writegate.Row{"name": "z"} }, 2},
		{"other columns", func(c *writegate.Change) { c.Set = writegate.Row{"name": "z", "m": 1} }, 2},
	}
	for _, tt := range tests {
		third := writegate.Change{Verb: writegate.Insert, Table: lists, Key: "c", Set: writegate.Row{"name": "z", "n": 3}}
		tt.third(&third)
		changes := []writegate.Change{first, second, third}
		if got := applier.Alike(changes, nil); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
		var asked []int
		applier.Alike(changes, func(i int, c *writegate.Change) bool {
			asked = append(asked, i)
			return c == &changes[i]
		})
		if want := []int{1, 2}[:tt.want-1]; !slices.Equal(asked, want) {
			t.Errorf("%s: asked about %v, want %v", tt.name, asked, want)
		}
	}
	for limit := 1; limit <= 3; limit++ {
		changes := []writegate.Change{first, second, {Verb: writegate.Insert, Table: lists, Key: "c", Set: second.Set}}
		if got := applier.Alike(changes, func(i int, _ *writegate.Change) bool { return i < limit }); got != limit {
			t.Errorf("%d fit, and %d are alike", limit, got)
		}
	}
}

func TestWritten(t *testing.T) {
	c := &writegate.Change{Set: writegate.Row{"b": 1, "c": nil, "a": 2}}
	if got := applier.Written(c, map[string]int{"a": 10, "b": 20, "c": 30, "d": 40}); !slices.Equal(got, []int{10, 20, 30}) {
		t.Errorf("columns are %v", got)
	}
	if got := applier.Written(&writegate.Change{}, map[string]int{"a": 10}); len(got) != 0 {
		t.Errorf("a removal writes %v", got)
	}
}

func TestMismatches(t *testing.T) {
	first, second := applier.Mismatch("lists", "no column %q", "a"), applier.Mismatch("todos", "no key")
	err := applier.Mismatches([]error{first, second})
	e := writegate.AsError(err)
	if e.Class != writegate.Operator || e.Code != writegate.SchemaMismatch || e.Message != "lists: no column \"a\"\ntodos: no key" {
		t.Errorf("the error is %+v", e)
	}
	if !errors.Is(err, first) || !errors.Is(err, second) || writegate.AsError(second).Table != "todos" {
		t.Errorf("the faults are not in %+v", e)
	}
}

func TestLocated(t *testing.T) {
	for _, tt := range []struct {
		columns         []string
		column, message string
	}{
		{nil, "", "lists: taken."},
		{[]string{"name"}, "name", "lists.name: taken."},
		{[]string{"name", "owner"}, "", "lists.(name, owner): taken."},
	} {
		e := applier.Located(&writegate.Error{Message: "taken."}, "lists", tt.columns)
		if e.Table != "lists" || e.Column != tt.column || e.Message != tt.message {
			t.Errorf("%v: %+v", tt.columns, e)
		}
	}
}

func TestRace(t *testing.T) {
	cause := errors.New("duplicate key")
	race := applier.Race(3, cause)
	raced := applier.Raced(&writegate.Change{Table: &writegate.Table{Name: "lists"}}, cause)
	if race.Index != 3 || !race.Race || raced.Table != "lists" {
		t.Errorf("%+v, %+v", race, raced)
	}
	for _, e := range []*writegate.Error{race.Err, raced} {
		if e.Class != writegate.Rerun || e.Code != writegate.Conflict || !errors.Is(e, cause) {
			t.Errorf("%+v", e)
		}
	}
}
