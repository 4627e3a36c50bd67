package bare_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/appliers/bare"
)

// TestOpenFile reads what an upload left, and what befalls files.
func TestOpenFile(t *testing.T) {
	s := openMemory(t)
	s.send(put("n1", "u2", "not mine"), put("n2", "u2", "not mine"))
	s.send(put("n1", "u2", "not mine"), put("n2", "u2", "not mine"))
	text, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(t.TempDir(), "torn.jsonl")
	if err := os.WriteFile(torn, []byte(string(text)+"{\"id\":\"x\",\n\n\n[]\n{\"subject\":\"u1\"}\n"+string(text[:40])), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, broken := range map[string]int{s.path: 0, torn: 4} {
		f, err := bare.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all, err := f.Letters(t.Context(), writegate.LetterQuery{}, 10)
		if err != nil || len(all) != 2 || f.Broken() != broken {
			t.Fatalf("%s: %d letters, %d broken lines, %v; want 2, %d", path, len(all), f.Broken(), err, broken)
		}
		for _, l := range all {
			if l.Seen != 2 || l.State != writegate.LetterOpen || l.Body != nil || l.LastSeen.Before(l.At) {
				t.Errorf("%+v", l)
			}
			whole, err := f.Letter(t.Context(), l.ID)
			if err != nil || whole.ID != l.ID || !strings.Contains(string(whole.Body), "not mine") {
				t.Errorf("%+v, %v", whole, err)
			}
		}
		if l, err := f.Letter(t.Context(), "none"); l != nil || err != nil {
			t.Errorf("a letter that there is not: %v, %v", l, err)
		}
	}
}

// TestFileQueries tries each thing that a query can ask for, and pages.
func TestFileQueries(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	letters := []bare.Line{
		{ID: "b", At: at, ClientID: "d1", Subject: "u1", Code: writegate.Unauthorized, Reason: "not_writable", Table: "todos"},
		{ID: "a", At: at, ClientID: "d2", Subject: "u1", Code: writegate.UniqueViolation, Table: "todos"},
		{ID: "c", At: at.Add(-time.Hour), ClientID: "d2", Subject: "u2", Code: writegate.UniqueViolation, Table: "lists", State: writegate.LetterDiscarded},
	}
	path := filepath.Join(t.TempDir(), "refused.jsonl")
	var text []byte
	for _, l := range letters {
		line, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := bare.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for want, tt := range map[string]struct {
		q    writegate.LetterQuery
		most int
	}{
		"c a b": {writegate.LetterQuery{}, 9},
		"c a":   {writegate.LetterQuery{}, 2},
		"b":     {writegate.LetterQuery{AfterAt: at, AfterID: "a"}, 9},
		"a b":   {writegate.LetterQuery{State: writegate.LetterOpen}, 9},
		"c":     {writegate.LetterQuery{State: writegate.LetterDiscarded}, 9},
		"a ":    {writegate.LetterQuery{ClientID: "d2", Subject: "u1"}, 9},
		" a":    {writegate.LetterQuery{Table: "todos", Code: writegate.UniqueViolation}, 9},
		" b":    {writegate.LetterQuery{Reason: "not_writable"}, 9},
		" a b":  {writegate.LetterQuery{From: at}, 9},
		" c":    {writegate.LetterQuery{To: at}, 9},
		"":      {writegate.LetterQuery{Subject: "u3"}, 9},
	} {
		found, err := f.Letters(t.Context(), tt.q, tt.most)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, l := range found {
			ids = append(ids, l.ID)
		}
		if diff := cmp.Diff(strings.Fields(want), ids, cmp.Transformer("nil", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
			t.Errorf("%+v: %s", tt.q, diff)
		}
	}
}

// FuzzOpenFile reads any file, and finds the body of every letter that it lists.
func FuzzOpenFile(f *testing.F) {
	f.Add([]byte(`{"id":"a","at":"2026-11-22T09:30:00Z","subject":"u1","op_index":-1,"body":{}}` + "\n{\"id\":\"a\"}\n\n{"))
	f.Add([]byte("{\"id\":\"a\"}\r\n{\"id\":\"\"}\nnull\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "refused.jsonl")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := bare.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all, err := file.Letters(t.Context(), writegate.LetterQuery{}, len(text)+1)
		if err != nil || len(all)+file.Broken() > strings.Count(string(text), "\n")+1 {
			t.Fatalf("%d letters, %d broken, %v", len(all), file.Broken(), err)
		}
		for _, l := range all {
			whole, err := file.Letter(t.Context(), l.ID)
			if err != nil || whole == nil || whole.ID != l.ID {
				t.Fatalf("%q: %v, %v", l.ID, whole, err)
			}
		}
	})
}
