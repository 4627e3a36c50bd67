package dialect

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"writegate"
)

var update = flag.Bool("update", false, "accept what the code does as the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// golden compares with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; -update accepts it (-want +got):\n%s", path, diff)
	}
}

// printRequest prints everything that Decode found out.
func printRequest(req *Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", req.Dialect)
	if req.Upload.ClientID != "" {
		fmt.Fprintf(&b, " device=%q", req.Upload.ClientID)
	}
	if req.UserID != "" {
		fmt.Fprintf(&b, " user=%q", req.UserID)
	}
	if req.Upload.StopOnRefusal {
		b.WriteString(" stop")
	}
	b.WriteByte('\n')
	b.WriteString(printTransactions(req.Upload.Transactions))
	return b.String()
}

func printTransactions(txs []writegate.Transaction) string {
	var b strings.Builder
	for _, tx := range txs {
		fmt.Fprintf(&b, "tx %d\n", tx.ID)
		for i := range tx.Ops {
			b.WriteString("  " + printOp(&tx.Ops[i]) + "\n")
		}
	}
	return b.String()
}

func printOp(op *writegate.Op) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %q", op.Kind, op.Table, op.ID)
	if op.OpID != 0 {
		fmt.Fprintf(&b, " op=%d", op.OpID)
	}
	if op.Data != nil {
		b.WriteString(" data=" + printRow(op.Data))
	}
	if op.Previous != nil {
		b.WriteString(" previous=" + printRow(op.Previous))
	}
	if op.Metadata != "" {
		fmt.Fprintf(&b, " metadata=%q", op.Metadata)
	}
	if f := op.Fault; f != nil {
		fmt.Fprintf(&b, "\n    %s %s table=%q column=%q %s", f.Code, f.Reason, f.Table, f.Column, f.Message)
	}
	return b.String()
}

func printRow(row writegate.Row) string {
	var parts []string
	for name, v := range row {
		parts = append(parts, strconv.Quote(name)+":"+printValue(v))
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, " ") + "}"
}

// printValue panics on a value that is none of the wire's.
func printValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case string:
		return strconv.Quote(v)
	case json.Number:
		return string(v)
	case writegate.JSON:
		return "json(" + string(v) + ")"
	}
	panic(fmt.Sprintf("%T is no wire value", v))
}
