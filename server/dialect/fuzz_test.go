package dialect

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

func FuzzDecode(f *testing.F) {
	for _, s := range scenarios(f) {
		for _, d := range dialects {
			if queue := s.queue(f); len(queue) > 0 {
				b := d.bodies(queue)[0]
				f.Add(b.method, []byte(b.text))
			}
		}
	}
	cases, err := os.ReadFile("testdata/decode.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(cases)) {
		if method, body, ok := strings.Cut(line, " "); ok {
			f.Add(method, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, method string, body []byte) {
		req, err := Decode(method, "", body, Limits{Depth: 20, StringBytes: 1000, KeyBytes: 50})
		if err != nil {
			var fault *Fault
			if !errors.As(err, &fault) || fault.Status != 400 || fault.Message == "" || req != nil {
				t.Fatalf("%#v", err)
			}
			return
		}
		for _, tx := range req.Upload.Transactions {
			for i := range tx.Ops {
				checkOp(t, &tx.Ops[i])
			}
		}
		if _, err := json.Marshal(Answer(req, applied(req.Upload)).Body); err != nil {
			t.Fatal(err)
		}
		sendAgain(t, req)
	})
}

func checkOp(t *testing.T, op *writegate.Op) {
	_ = printOp(op) // panics on values that are none of the wire's
	_ = op.Fingerprint()
	if f := op.Fault; f != nil {
		if f.Class != writegate.Refused || f.Code == "" || f.Reason == "" || f.Message == "" || strings.ContainsRune(f.Message, 0) {
			t.Fatalf("fault %+v", f)
		}
		return
	}
	switch op.Kind {
	case writegate.Put, writegate.Patch, writegate.Delete:
	default:
		t.Fatalf("kind %q without a fault", op.Kind)
	}
	if _, ok := op.Data["id"]; ok || op.Table == "" || op.ID == "" || op.OpID < 0 {
		t.Fatalf("%s without a fault", printOp(op))
	}
}

// sendAgain writes what was decoded in the vendor's format, and expects it to decode to the same.
func sendAgain(t *testing.T, req *Request) {
	var txs []fields
	want := make([]writegate.Transaction, 0, len(req.Upload.Transactions))
	for _, tx := range req.Upload.Transactions {
		kept := writegate.Transaction{ID: tx.ID}
		crud := []fields{}
		for _, op := range tx.Ops {
			if op.Fault != nil {
				continue
			}
			kept.Ops = append(kept.Ops, op)
			e := fields{"op_id", op.OpID, "op", op.Kind, "table", op.Table, "id", op.ID, "op_data", wireRow(op.Data), "metadata", op.Metadata}
			if op.Previous != nil {
				e = append(e, "previous_values", wireRow(op.Previous))
			}
			crud = append(crud, e)
		}
		want = append(want, kept)
		txs = append(txs, fields{"transaction_id", tx.ID, "crud", crud})
	}
	again, err := Decode("POST", "", []byte(text(fields{"transactions", txs})), Limits{})
	if len(txs) == 0 {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(printTransactions(compact(want)), printTransactions(again.Upload.Transactions)); diff != "" {
		t.Fatalf("sent again (-want +got):\n%s", diff)
	}
}

func wireRow(row writegate.Row) map[string]any {
	out := map[string]any{}
	for name, v := range row {
		if j, ok := v.(writegate.JSON); ok {
			v = json.RawMessage(j)
		}
		out[name] = v
	}
	return out
}

// compact writes JSON values as encoding/json passes them on.
func compact(txs []writegate.Transaction) []writegate.Transaction {
	for _, tx := range txs {
		for _, op := range tx.Ops {
			for _, row := range []writegate.Row{op.Data, op.Previous} {
				for name, v := range row {
					if j, ok := v.(writegate.JSON); ok {
						row[name] = writegate.JSON(text(json.RawMessage(j)))
					}
				}
			}
		}
	}
	return txs
}

func applied(up *writegate.Upload) *writegate.Result {
	res := &writegate.Result{Identified: true}
	for _, tx := range up.Transactions {
		r := writegate.TxResult{Status: writegate.Applied, Failed: -1}
		for range tx.Ops {
			r.Ops = append(r.Ops, writegate.OpResult{Status: writegate.Applied})
		}
		res.Transactions = append(res.Transactions, r)
	}
	return res
}

func BenchmarkDecode(b *testing.B) {
	var all []captured
	for i := range 100 {
		all = append(all, captured{
			OpID: int64(i + 1), TxID: int64(i/4 + 1), Op: []string{"PUT", "PATCH", "DELETE"}[i%3], Type: "todos",
			ID:   "b284ef25-345a-42a0-893f-acfb8691626a",
			Data: json.RawMessage(`{"description":"buy milk and \"bread\"","list_id":"75f89104-d95a-4f16-8309-5363f1bb377a","completed":0,"created_at":"2026-11-21T10:00:00.000Z","position":12.5,"note":null}`),
		})
	}
	for _, d := range dialects {
		if d.wrap == nil || d.split {
			continue
		}
		bodies := d.bodies(all)
		if len(bodies) != 1 {
			continue
		}
		b.Run(strings.ReplaceAll(d.name, " ", "_"), func(b *testing.B) {
			body := []byte(bodies[0].text)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode("POST", "application/json", body, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
