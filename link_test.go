package writegate

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// linking extends the link to the row by each change, and remembers which link it saw.
func linking(saw map[string]string) fakePolicy {
	return fakePolicy{
		admit: func(a *Admitted) { a.Linked = a.Values["a"] != "unlinked" },
		decide: func(a *Admitted, v View, d Decision) Decision {
			link, ok := v.Link()
			text := link.Base + "-" + link.Made
			if !ok {
				text = "none"
				link.Base = a.Values["a"].(string)
			}
			saw[a.Values["a"].(string)] = text
			link.Made = a.Values["a"].(string)
			d.Link = &link
			return d
		},
	}
}

// A link is kept with the change it is about, seen by what comes after it, and never by another device.
func TestLinks(t *testing.T) {
	db, saw := newFakeDB(), map[string]string{}
	send := func(client string, txs ...Transaction) *Result {
		return applyBy(t, linking(saw), db, Options{}, Upload{ClientID: client, Transactions: txs})
	}
	send("d", Transaction{ID: 1, Ops: []Op{patchOrPut(1, "r", "1"), patchOrPut(2, "r", "2")}}, Transaction{ID: 2, Ops: []Op{patchOrPut(3, "q", "3")}})
	send("d", Transaction{ID: 3, Ops: []Op{patchOrPut(4, "r", "4"), patchOrPut(5, "q", "5"), patchOrPut(6, "r", "forbidden")}}, Transaction{ID: 4, Ops: []Op{patchOrPut(7, "r", "7")}})
	send("d", Transaction{ID: 5, Ops: []Op{patchOrPut(8, "r", "8"), patchOrPut(9, "q", "9")}})
	send("", Transaction{ID: 1, Ops: []Op{patchOrPut(1, "r", "anonymous")}})
	send("d", Transaction{ID: 6, Ops: []Op{patchOrPut(0, "p", "unnumbered"), patchOrPut(10, "p", "10")}})
	want := map[string]string{
		"1": "none", "2": "1-1", "3": "none", "4": "1-2", "5": "3-3", "forbidden": "1-4", "7": "1-2", "8": "1-7", "9": "3-3", "anonymous": "none",
		"unnumbered": "none", "10": "none",
	}
	if diff := cmp.Diff(want, saw); diff != "" {
		t.Error(diff)
	}
	stored := map[LinkKey]Link{{"t", "r"}: {"1", "8"}, {"t", "q"}: {"3", "9"}, {"t", "p"}: {"10", "10"}}
	if diff := cmp.Diff(stored, db.links); diff != "" {
		t.Error(diff)
	}
}

func patchOrPut(id int64, row, a string) Op {
	return Op{Kind: Put, Table: "t", ID: row, OpID: id, Data: Row{"a": a}}
}

// Links are asked for only where a decision may want them.
func TestLinksThatNobodyWants(t *testing.T) {
	db, saw := newFakeDB(), map[string]string{}
	db.links[LinkKey{"t", "r"}] = Link{"1", "2"}
	applyBy(t, linking(saw), db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{{Ops: []Op{patchOrPut(1, "r", "unlinked")}}}})
	if saw["unlinked"] != "none" {
		t.Errorf("saw %s", saw["unlinked"])
	}
}

func TestLinkKeys(t *testing.T) {
	long := strings.Repeat("é", 200)
	seen := map[string]bool{}
	for _, key := range []any{"r", int64(7), strings.Repeat("a", 255), strings.Repeat("a", 256), strings.Repeat("a", 257), long, long + "x", "a\x00b", Bytes("\xff\xfe"), Bytes("\xff\xff")} {
		k := linkKey(&Admitted{Linked: true, Key: key, Table: &Table{Source: "s." + long}})
		for _, text := range []string{k.Table, k.Row} {
			if len(text) > maxLinkText || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				t.Errorf("%q is called %q", key, text)
			}
		}
		if seen[k.Row] {
			t.Errorf("%q is called like another", key)
		}
		seen[k.Row] = true
	}
}
