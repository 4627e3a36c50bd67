package applier_test

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/internal/applier"
)

func TestBook(t *testing.T) {
	var book applier.Book
	if got := book.Tables(); len(got) != 0 {
		t.Errorf("a new book has %v", got)
	}
	first, second := &writegate.Table{Name: "lists"}, &writegate.Table{Name: "lists"}
	book.Add(writegate.Schema{"lists": first})
	before := book.Tables()
	book.Add(writegate.Schema{"lists": second, "todos": {Name: "todos"}})
	if got := book.Tables(); len(got) != 2 || got["lists"] != second {
		t.Errorf("the book has %v", got)
	}
	if len(before) != 1 || before["lists"] != first {
		t.Errorf("tables that were handed out have changed: %v", before)
	}
}

func TestBookAtOnce(t *testing.T) {
	var book applier.Book
	var all sync.WaitGroup
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		all.Go(func() {
			book.Add(writegate.Schema{name: {Name: name}})
			if book.Tables()[name] == nil {
				t.Errorf("%s was added and is not there", name)
			}
		})
	}
	all.Wait()
	if got := book.Tables(); len(got) != len(names) {
		t.Errorf("the book has %v", got)
	}
}

func TestBookNamed(t *testing.T) {
	var book applier.Book
	lists, todos := &writegate.Table{Name: "lists"}, &writegate.Table{Name: "todos"}
	book.Add(writegate.Schema{"lists": lists, "todos": todos})
	if got, err := book.Named([]string{"todos", "lists"}); err != nil || !slices.Equal(got, []*writegate.Table{todos, lists}) {
		t.Errorf("tables are %v, %v", got, err)
	}
	got, err := book.Named([]string{"todos", "nowhere", "nothing"})
	if e := writegate.AsError(err); got != nil || e.Code != writegate.SchemaMismatch || e.Message != "nowhere: the table was not introspected" {
		t.Errorf("a table that is not there: %v, %v", got, err)
	}
}

func TestKeys(t *testing.T) {
	id := func() *writegate.Column { return &writegate.Column{Name: "id", Type: writegate.Int} }
	single := &writegate.Table{Name: "lists", Key: "id", Columns: []*writegate.Column{id()}}
	if got := applier.SplitKey(single, int64(7)); !slices.Equal(got, []any{int64(7)}) {
		t.Errorf("a key of one column becomes %v", got)
	}
	if got := applier.JoinKey(single, []any{int64(7)}); got != int64(7) {
		t.Errorf("one value becomes the key %v", got)
	}
}

func TestText(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 500, time.FixedZone("", 3600))
	for _, tt := range []struct {
		in   any
		want string
		ok   bool
	}{
		{"a", "a", true},
		{json.Number("1.0"), "1.0", true},
		{true, "true", true},
		{2.5, "2.5", true},
		{writegate.JSON(`{"a":1}`), `{"a":1}`, true},
		{at, "2026-03-01T11:00:00.0000005Z", true},
		{nil, "", false},
		{writegate.Bytes("a"), "", false},
	} {
		if got, ok := applier.Text(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("%#v: %q, %v; want %q, %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
}

func TestFindings(t *testing.T) {
	of := func(table, column, message string) writegate.Finding {
		return writegate.Finding{Table: table, Column: column, Message: message}
	}
	want := []writegate.Finding{applier.Doubtful("a %d", 1), applier.Faulty("b"), of("t", "", "z"), of("t", "c", "a"), of("t", "c", "b"), of("u", "", "a")}
	got := slices.Clone(want)
	slices.Reverse(got)
	applier.SortFindings(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sorted (-want +got):\n%s", diff)
	}
	if !want[1].Fault || want[0].Fault || want[0].Message != "a 1" {
		t.Errorf("findings are %+v", want[:2])
	}
	if may, mayNot := applier.OwnTablesMissing(true), applier.OwnTablesMissing(false); may.Fault || !mayNot.Fault {
		t.Errorf("our own tables: %+v, %+v", may, mayNot)
	}
}

func TestClocks(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for offset, want := range map[time.Duration]string{
		-applier.MaxSkew: "", 0: "", time.Second: "", 2*time.Second + applier.MaxSkew: "",
		-7 * time.Second: "the clocks of the server and of this machine are 7s apart; have both follow NTP",
		10 * time.Second: "the clocks of the server and of this machine are 8s apart; have both follow NTP",
	} {
		got := ""
		for _, f := range applier.Clocks(noon.Add(offset), noon, noon.Add(2*time.Second)) {
			got += f.Message
		}
		if got != want {
			t.Errorf("%s off: %q, want %q", offset, got, want)
		}
	}
}
