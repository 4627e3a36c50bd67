package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"writegate"
)

// three is what the answers below are about: transactions of two, one and one operations.
var three = []writegate.Transaction{
	{ID: 7, Ops: []writegate.Op{
		{Kind: writegate.Put, Table: "lists", ID: "l1", OpID: 21},
		{Kind: writegate.Put, Table: "todos", ID: "t1", OpID: 22},
	}},
	{ID: 8, Ops: []writegate.Op{{Kind: writegate.Patch, Table: "todos", ID: "t9", OpID: 23}}},
	{Ops: []writegate.Op{{Kind: writegate.Delete, Table: "todos", ID: "t2"}}},
}

func settled(status writegate.Status, ops ...writegate.Status) writegate.TxResult {
	r := writegate.TxResult{Status: status, Failed: -1}
	for _, s := range ops {
		r.Ops = append(r.Ops, writegate.OpResult{Status: s})
	}
	return r
}

func refusedAt(failed int, err *writegate.Error, ops ...writegate.Status) writegate.TxResult {
	r := settled(writegate.Rejected, ops...)
	r.Failed, r.Err = failed, err
	return r
}

var (
	unique = &writegate.Error{
		Class: writegate.Refused, Code: writegate.UniqueViolation, Reason: "email.taken",
		Message: "todos.email: the value is taken.", Table: "todos", Column: "email", Cause: errors.New("SQLSTATE 23505"),
	}
	bare    = &writegate.Error{Class: writegate.Refused, Code: writegate.ForeignKeyViolation, Message: "A row that it refers to is missing."}
	nameOf  = &writegate.Error{Class: writegate.Refused}
	away    = writegate.TryLater(errors.New("dial tcp 10.0.0.1:5432"))
	closed  = &writegate.Error{Class: writegate.Retry, Code: writegate.Unavailable, Reason: writegate.ReasonMaintenance, Message: "Closed for maintenance.", RetryAfter: 5 * time.Minute}
	okTwo   = settled(writegate.Applied, writegate.Applied, writegate.Noop)
	ok      = settled(writegate.Applied, writegate.Applied)
	held    = writegate.TxResult{Status: writegate.Held, Failed: -1, Err: away}
	skipped = settled(writegate.NotAttempted, writegate.NotAttempted)
)

var answers = []struct {
	name string
	res  writegate.Result
}{
	{"all applied", writegate.Result{Identified: true, Revision: "r1", Transactions: []writegate.TxResult{okTwo, ok, ok}}},
	{"without identity", writegate.Result{Unidentified: 4, Transactions: []writegate.TxResult{okTwo, ok, ok}}},
	{"one without identity", writegate.Result{Unidentified: 1, Transactions: []writegate.TxResult{okTwo, ok, ok}}},
	{"one operation refused", writegate.Result{Identified: true, Transactions: []writegate.TxResult{
		refusedAt(1, unique, writegate.Aborted, writegate.Rejected), ok, ok,
	}}},
	{"a refusal stops", writegate.Result{Identified: true, Transactions: []writegate.TxResult{
		okTwo, refusedAt(0, unique, writegate.Rejected), skipped,
	}}},
	{"a whole transaction refused", writegate.Result{Identified: true, Transactions: []writegate.TxResult{
		refusedAt(-1, bare, writegate.Rejected, writegate.Rejected), ok, ok,
	}}},
	{"a part was applied by an earlier request", writegate.Result{Identified: true, Transactions: []writegate.TxResult{
		refusedAt(1, unique, writegate.Applied, writegate.Rejected), ok, ok,
	}}},
	{"a part needed nothing in an earlier request, and the rest fails as a whole", writegate.Result{Identified: true, Transactions: []writegate.TxResult{
		refusedAt(-1, bare, writegate.Noop, writegate.Aborted), ok, ok,
	}}},
	{"two parts were refused in earlier requests", writegate.Result{Identified: true, Transactions: []writegate.TxResult{
		refusedAt(1, unique, writegate.Rejected, writegate.Rejected), ok, ok,
	}}},
	{"a refusal without statuses of its operations", writegate.Result{Identified: true, Transactions: []writegate.TxResult{
		refusedAt(1, unique), ok, refusedAt(-1, bare),
	}}},
	{"a refusal without words", writegate.Result{Identified: true, Transactions: []writegate.TxResult{
		okTwo, refusedAt(0, nil, writegate.Rejected), refusedAt(0, nameOf, writegate.Rejected),
	}}},
	{"operations refused apart", writegate.Result{Identified: true, Transactions: []writegate.TxResult{
		{Status: writegate.Rejected, Failed: 0, Err: unique, Ops: []writegate.OpResult{
			{Status: writegate.Rejected, Err: unique}, {Status: writegate.Aborted, Err: bare},
		}}, ok, ok,
	}}},
	{"one refused apart behind one that was applied", writegate.Result{Identified: true, Transactions: []writegate.TxResult{
		{Status: writegate.Rejected, Failed: 1, Err: bare, Ops: []writegate.OpResult{{Status: writegate.Applied}, {Status: writegate.Rejected, Err: bare}}}, ok, ok,
	}}},
	{"kept on the device", writegate.Result{Identified: true, Err: unique, Transactions: []writegate.TxResult{
		okTwo, {Status: writegate.Held, Failed: 0, Err: unique, Ops: []writegate.OpResult{{Status: writegate.Held}}}, skipped,
	}}},
	{"database away from the start", writegate.Result{Identified: true, Err: away, Transactions: []writegate.TxResult{held, held, held}}},
	{"database away in the middle", writegate.Result{Identified: true, Err: away, Transactions: []writegate.TxResult{okTwo, held, skipped}}},
	{"settled behind what is held", writegate.Result{Identified: true, Transactions: []writegate.TxResult{okTwo, held, ok}}},
	{"closed for maintenance behind what was applied", writegate.Result{Identified: true, Err: closed, Transactions: []writegate.TxResult{
		okTwo, {Status: writegate.Held, Failed: -1, Err: closed}, skipped,
	}}},
	{"held without words", writegate.Result{Identified: true, Transactions: []writegate.TxResult{okTwo, ok, {Status: writegate.Held, Failed: -1}}}},
	{"results missing", writegate.Result{Identified: true, Transactions: []writegate.TxResult{okTwo}}},
	{"no results", writegate.Result{}},
}

// TestAnswers prints the answer to each result, in the vendor's format and in the others'.
func TestAnswers(t *testing.T) {
	var out strings.Builder
	for _, tt := range answers {
		fmt.Fprintf(&out, "# %s\n", tt.name)
		for _, d := range []Name{Transactions, Batch} {
			reply := Answer(&Request{Dialect: d, Upload: &writegate.Upload{Transactions: three}}, &tt.res)
			body, err := json.Marshal(reply.Body)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(body), "SQLSTATE") || strings.Contains(string(body), "dial") {
				t.Errorf("%s: the cause is shown: %s", tt.name, body)
			}
			fmt.Fprintf(&out, "%s: %d", d, reply.Status)
			if reply.RetryAfter > 0 {
				fmt.Fprintf(&out, " retry after %s", reply.RetryAfter)
			}
			fmt.Fprintf(&out, "\n%s\n", strings.NewReplacer(`[{"`, "[\n  {\"", `},{"`, "},\n  {\"").Replace(string(body)))
		}
		out.WriteByte('\n')
	}
	golden(t, "testdata/answer.txt", out.String())
}

// TestAnswerToNothing shows that an empty upload is settled.
func TestAnswerToNothing(t *testing.T) {
	for d, want := range map[Name]string{
		Transactions: `{"results":[]}`,
		Batch:        `{"message":"The upload is empty.","success":true,"applied":0,"rejected":0,"results":[]}`,
	} {
		reply := Answer(&Request{Dialect: d, Upload: &writegate.Upload{}}, &writegate.Result{})
		body, err := json.Marshal(reply.Body)
		if err != nil {
			t.Fatal(err)
		}
		if reply.Status != 200 || string(body) != want {
			t.Errorf("%s: %d %s, want 200 %s", d, reply.Status, body, want)
		}
	}
}

// TestNothingUnsettledIsAcknowledged answers every combination of three statuses. Only what is settled up
// to the first that is not may be acknowledged.
func TestNothingUnsettledIsAcknowledged(t *testing.T) {
	statuses := []writegate.Status{
		writegate.Applied, writegate.Noop, writegate.Rejected, writegate.Aborted, writegate.Held, writegate.NotAttempted, "", "new",
	}
	isSettled := func(s writegate.Status) bool { return s != "" && s != "new" && s.Settled() }
	for i := range len(statuses) * len(statuses) * len(statuses) {
		txs := []writegate.Status{statuses[i%8], statuses[i/8%8], statuses[i/64]}
		res := &writegate.Result{}
		prefix := 0
		for j, s := range txs {
			res.Transactions = append(res.Transactions, writegate.TxResult{Status: s, Failed: -1})
			if prefix == j && isSettled(s) {
				prefix++
			}
		}
		up := &writegate.Upload{Transactions: three}
		body, ok := Answer(&Request{Dialect: Transactions, Upload: up}, res).Body.(TransactionsBody)
		if !ok || len(body.Results) != 3 {
			t.Fatalf("%v: %+v", txs, body)
		}
		for j, r := range body.Results {
			if done := r.Status == success || r.Status == fatal; done != (j < prefix) {
				t.Errorf("%v: %+v", txs, body)
			}
			if r.Status == retryable && r.Message == "" || r.Status == fatal && (r.Message == "" || *r.RequiresClientHandling) {
				t.Errorf("%v: %+v", txs, body)
			}
		}
		reply := Answer(&Request{Dialect: Crud, Upload: up}, res)
		if want := map[bool]int{true: 200, false: 503}[prefix == 3]; reply.Status != want || reply.RetryAfter != map[bool]time.Duration{false: RetryAfter}[prefix == 3] {
			t.Errorf("%v: %+v", txs, reply)
		}
	}
}
