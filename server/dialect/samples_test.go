package dialect

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

const uploads = "../../testdata/uploads/"

// scenario is one kind of local write, with what the real SDK's queue held after it.
type scenario struct {
	Name string `json:"name"`
	Rows []struct {
		ID   int64  `json:"id"`
		Tx   int64  `json:"tx_id"`
		Data string `json:"data"`
	} `json:"ps_crud_rows"`
	Transactions []struct {
		ID   int64  `json:"transactionId"`
		Text string `json:"toJSON_text"`
	} `json:"transactions"`
	Own      json.RawMessage `json:"first_entry_own_properties"`
	DemoBody string          `json:"demo_connector_body"`
}

// captured is one operation of the queue, taken apart so that it can be sent in any dialect.
type captured struct {
	OpID     int64           `json:"op_id"`
	TxID     int64           `json:"tx_id"`
	Op       string          `json:"op"`
	Type     string          `json:"type"`
	ID       string          `json:"id"`
	Data     json.RawMessage `json:"data"`
	Old      json.RawMessage `json:"old"`
	Metadata *string         `json:"metadata"`
}

func scenarios(t testing.TB) []scenario {
	text, err := os.ReadFile(uploads + "crud-samples.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Scenarios []scenario `json:"scenarios"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Scenarios
}

// queue returns the operations as toJSON gives them.
func (s scenario) queue(t testing.TB) []captured {
	var all []captured
	for _, tx := range s.Transactions {
		var ops []captured
		if err := json.Unmarshal([]byte(tx.Text), &ops); err != nil {
			t.Fatal(err)
		}
		all = append(all, ops...)
	}
	return all
}

// stored returns the operations as the queue's table has them. Its numbers are written differently.
func (s scenario) stored(t testing.TB) []captured {
	var all []captured
	for _, row := range s.Rows {
		c := captured{OpID: row.ID, TxID: row.Tx}
		if err := json.Unmarshal([]byte(row.Data), &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func decode(t testing.TB, method, body string) *Request {
	t.Helper()
	req, err := Decode(method, "application/json", []byte(body), Limits{})
	if err != nil {
		t.Fatalf("%s %s: %v", method, body, err)
	}
	return req
}

// TestSamples decodes everything that the real client queued, in every dialect that can carry it.
func TestSamples(t *testing.T) {
	all := scenarios(t)
	if len(all) != 39 {
		t.Fatalf("%d scenarios, want 39", len(all))
	}
	var out strings.Builder
	ops := 0
	for _, s := range all {
		fmt.Fprintf(&out, "# %s\n", s.Name)
		for i, queue := range [][]captured{s.queue(t), s.stored(t)} {
			if len(queue) == 0 {
				continue
			}
			want := decode(t, "POST", dialects[0].bodies(queue)[0].text).Upload.Transactions
			fmt.Fprintf(&out, "## %s\n%s", []string{"toJSON", "ps_crud"}[i], printTransactions(want))
			for _, d := range dialects {
				t.Run(fmt.Sprintf("%s/%d/%s", s.Name, i, d.name), func(t *testing.T) { agree(t, d, queue, want) })
			}
			ops += len(queue)
		}
		if s.DemoBody != "" {
			req := decode(t, "POST", s.DemoBody)
			fmt.Fprintf(&out, "## demo connector\n%s", printTransactions(req.Upload.Transactions))
		}
		if s.Own != nil {
			req := decode(t, "POST", string(s.Own))
			fmt.Fprintf(&out, "## first entry as an object of the SDK\n%s", printTransactions(req.Upload.Transactions))
		}
	}
	if ops != 2*83 {
		t.Errorf("%d operations, want 83 from either source", ops)
	}
	golden(t, uploads+"ops.golden", out.String())
}

// agree checks that a dialect carries what it can carry of want.
func agree(t *testing.T, d wire, queue []captured, want []writegate.Transaction) {
	var got []writegate.Transaction
	for _, b := range d.bodies(queue) {
		req := decode(t, b.method, b.text)
		if req.Dialect != d.dialect {
			t.Errorf("dialect %s, want %s", req.Dialect, d.dialect)
		}
		got = append(got, req.Upload.Transactions...)
	}
	if diff := cmp.Diff(d.carried(want), printTransactions(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
