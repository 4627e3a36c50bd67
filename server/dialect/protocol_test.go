package dialect

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// TestProtocolIsDocumented looks for every name of this package in the page that users read.
func TestProtocolIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		reasonShape, reasonUnknown, reasonTable, reasonID, reasonOpID, reasonDuplicate, reasonEncoding, reasonDeep, reasonLong,
		success, fatal, retryable, notAttempted, identityNone, identityPart,
	}
	for _, list := range synonyms {
		for _, name := range list {
			names = append(names, name)
			if n := members[name]; n.bit == 0 {
				t.Errorf("%s is no member", name)
			}
		}
		if line := "`" + strings.Join(list, "`, `") + "`"; !strings.Contains(string(page), line) {
			t.Errorf("protocol.md does not list %s in this order", line)
		}
	}
	for _, name := range names {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("protocol.md does not mention `%s`", name)
		}
	}
}

// TestProtocolExamples compares the JSON of the page with what the code reads and writes.
func TestProtocolExamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples []string
	for _, part := range strings.Split(string(page), "```json\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		examples = append(examples, text)
	}
	if len(examples) != 3 {
		t.Fatalf("%d examples, want a request and two answers", len(examples))
	}
	const want = `transactions device="6e31bf8c-197f-448f-9fff-f5c6234b2d8b" stop
tx 7
  PUT "lists" "l1" op=21 data={"name":"Groceries"}
  PATCH "todos" "t1" op=22 data={"done":1} previous={"done":0} metadata="from the watch"
`
	if diff := cmp.Diff(want, printRequest(decode(t, "POST", examples[0]))); diff != "" {
		t.Errorf("the request of the page (-want +got):\n%s", diff)
	}

	sameJSON(t, examples[1], Answer(
		&Request{Dialect: Transactions, Upload: &writegate.Upload{Transactions: three}},
		&writegate.Result{Transactions: []writegate.TxResult{ok, refusedAt(1, unique), skipped}},
	))
	forbidden := &writegate.Error{
		Class: writegate.Refused, Code: writegate.Unauthorized, Reason: "not_writable",
		Message: "todos: the row is not yours to change.", Table: "todos",
	}
	sameJSON(t, examples[2], Answer(
		&Request{Dialect: Batch, Upload: &writegate.Upload{Transactions: three[:2]}},
		&writegate.Result{Revision: "3f9c", Transactions: []writegate.TxResult{okTwo, refusedAt(0, forbidden, writegate.Rejected)}},
	))
}

func sameJSON(t *testing.T, want string, reply Reply) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(want), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text(reply.Body)), &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the page differs from the answer (-page +answer):\n%s", diff)
	}
}
