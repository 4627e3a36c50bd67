package dialect

import (
	"encoding/json"
	"slices"
	"strings"

	"writegate"
)

// wire is one way in which published connectors, or objects of an SDK, send the queue.
type wire struct {
	name    string
	dialect Name
	entry   func(captured) fields
	wrap    func([]captured, func(captured) fields) []body
	// What the dialect can't carry.
	noOpID, noTx, noPrevious, noMetadata bool
	split                                bool // every operation is a transaction
	flat                                 bool // all operations are one transaction
}

type body struct{ method, text string }

// fields keeps the order in which a connector writes its members.
type fields []any // name, value, name, value …

func (f fields) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i := 0; i < len(f); i += 2 {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(f[i])
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f[i+1])
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// with adds a member unless it is missing in the queue.
func (f fields) with(name string, value any) fields {
	switch v := value.(type) {
	case json.RawMessage:
		if v == nil {
			return f
		}
	case *string:
		if v == nil {
			return f
		}
	}
	return append(f, name, value)
}

// as makes the form of an operation with the given name of the payload, and nothing else.
func as(table, data string) func(captured) fields {
	return func(c captured) fields { return fields{"op", c.Op, table, c.Type, "id", c.ID}.with(data, c.Data) }
}

func toJSON(c captured) fields {
	return fields{"op_id", c.OpID, "op", c.Op, "type", c.Type, "id", c.ID, "tx_id", c.TxID}.
		with("data", c.Data).with("old", c.Old).with("metadata", c.Metadata)
}

// dart writes every member, null or not.
func dart(c captured) fields {
	return fields{"op_id", c.OpID, "op", c.Op, "type", c.Type, "id", c.ID, "tx_id", c.TxID, "data", c.Data, "metadata", c.Metadata, "old", c.Old}
}

func dotnet(c captured) fields {
	op := slices.Index([]string{"PUT", "PATCH", "DELETE"}, c.Op)
	return fields{"ClientId", c.OpID, "Id", c.ID, "Op", op, "OpData", c.Data, "Table", c.Type, "TransactionId", c.TxID, "PreviousValues", c.Old, "Metadata", c.Metadata}
}

// sdk is the object that the JavaScript SDK holds in memory.
func sdk(c captured) fields {
	return fields{"clientId", c.OpID, "id", c.ID, "op", c.Op}.with("opData", c.Data).with("previousValues", c.Old).
		with("metadata", c.Metadata).with("table", c.Type).with("transactionId", c.TxID)
}

func vendor(c captured) fields {
	return fields{"id", c.ID, "op", c.Op, "table", c.Type, "transaction_id", c.TxID}.with("op_data", c.Data)
}

func vendorWithIdentity(c captured) fields {
	return vendor(c).with("op_id", c.OpID).with("previous_values", c.Old).with("metadata", c.Metadata)
}

func poc(c captured) fields { return append(fields{"client_id", c.OpID}, vendor(c)...) }

func mapped(queue []captured, entry func(captured) fields) []fields {
	out := []fields{}
	for _, c := range queue {
		out = append(out, entry(c))
	}
	return out
}

func listed(name string) func([]captured, func(captured) fields) []body {
	return func(queue []captured, entry func(captured) fields) []body {
		return []body{{"POST", text(fields{name, mapped(queue, entry)})}}
	}
}

func array(queue []captured, entry func(captured) fields) []body {
	return []body{{"POST", text(mapped(queue, entry))}}
}

// perTx cuts the queue into its transactions.
func perTx(queue []captured) [][]captured {
	var txs [][]captured
	for i, c := range queue {
		if i == 0 || queue[i-1].TxID != c.TxID {
			txs = append(txs, nil)
		}
		txs[len(txs)-1] = append(txs[len(txs)-1], c)
	}
	return txs
}

func transactions(queue []captured, entry func(captured) fields) []body {
	var txs []fields
	for _, tx := range perTx(queue) {
		txs = append(txs, fields{"crud", mapped(tx, entry), "transaction_id", tx[0].TxID})
	}
	return []body{{"POST", text(fields{"transactions", txs})}}
}

func arrayOfSDK(queue []captured, entry func(captured) fields) []body {
	var txs []fields
	for _, tx := range perTx(queue) {
		txs = append(txs, fields{"crud", mapped(tx, entry), "haveMore", false, "transactionId", tx[0].TxID})
	}
	return []body{{"POST", text(txs)}}
}

func requestPerTx(id string) func([]captured, func(captured) fields) []body {
	return func(queue []captured, entry func(captured) fields) []body {
		var out []body
		for _, tx := range perTx(queue) {
			out = append(out, body{"POST", text(fields{"crud", mapped(tx, entry), "haveMore", false, id, tx[0].TxID})})
		}
		return out
	}
}

func requestPerOp(queue []captured, entry func(captured) fields) []body {
	var out []body
	for _, c := range queue {
		out = append(out, body{"POST", text(entry(c))})
	}
	return out
}

// methods sends {"table","data":{…,"id"}} with the op as method.
func methods(queue []captured, _ func(captured) fields) []body {
	var out []body
	for _, c := range queue {
		data := `{"id":` + text(c.ID) + `}`
		if len(c.Data) > len("{}") {
			data = strings.TrimSuffix(data, "}") + "," + string(c.Data[1:])
		}
		out = append(out, body{c.Op, `{"table":` + text(c.Type) + `,"data":` + data + `}`})
	}
	return out
}

var dialects = []wire{
	{name: "W3", dialect: Batch, entry: toJSON, wrap: listed("batch")},
	{name: "W1", dialect: Batch, entry: as("table", "data"), wrap: listed("batch"), noOpID: true, noTx: true, noPrevious: true, noMetadata: true, flat: true},
	{name: "W2", dialect: Batch, entry: as("table", "opData"), wrap: listed("batch"), noOpID: true, noTx: true, noPrevious: true, noMetadata: true, flat: true},
	{name: "W4", dialect: Operations, entry: as("table", "opData"), wrap: listed("operations"), noOpID: true, noTx: true, noPrevious: true, noMetadata: true, flat: true},
	{name: "W4 with type", dialect: Operations, entry: as("type", "data"), wrap: listed("operations"), noOpID: true, noTx: true, noPrevious: true, noMetadata: true, flat: true},
	{name: "W5", dialect: Method, wrap: methods, noOpID: true, noTx: true, noPrevious: true, noMetadata: true, split: true},
	{name: "W6 of the vendor", dialect: Transactions, entry: vendor, wrap: transactions, noOpID: true, noPrevious: true, noMetadata: true},
	{name: "W6 with identity", dialect: Transactions, entry: vendorWithIdentity, wrap: transactions},
	{name: "W6 of toJSON", dialect: Transactions, entry: toJSON, wrap: transactions},
	{name: "first draft of the vendor", dialect: Crud, entry: poc, wrap: requestPerTx("transaction_id"), noPrevious: true, noMetadata: true},
	{name: "dart", dialect: Batch, entry: dart, wrap: listed("batch")},
	{name: "dotnet", dialect: Batch, entry: dotnet, wrap: listed("batch")},
	{name: "dotnet array", dialect: Array, entry: dotnet, wrap: array},
	{name: "transaction of the SDK", dialect: Crud, entry: toJSON, wrap: requestPerTx("transactionId")},
	{name: "transactions of the SDK", dialect: Array, entry: toJSON, wrap: arrayOfSDK},
	{name: "objects of the SDK", dialect: Ops, entry: sdk, wrap: listed("ops")},
	{name: "array", dialect: Array, entry: toJSON, wrap: array},
	{name: "single", dialect: Single, entry: toJSON, wrap: requestPerOp, split: true},
}

func (d wire) bodies(queue []captured) []body { return d.wrap(queue, d.entry) }

// carried prints what the dialect leaves of the transactions.
func (d wire) carried(txs []writegate.Transaction) string {
	var out []writegate.Transaction
	for _, tx := range txs {
		id := tx.ID
		if d.noTx {
			id = 0
		}
		if n := len(out); !d.flat || n == 0 {
			out = append(out, writegate.Transaction{ID: id})
		}
		for i, op := range tx.Ops {
			if d.noOpID {
				op.OpID = 0
			}
			if d.noPrevious {
				op.Previous = nil
			}
			if d.noMetadata {
				op.Metadata = ""
			}
			if d.split && i > 0 {
				out = append(out, writegate.Transaction{ID: id})
			}
			out[len(out)-1].Ops = append(out[len(out)-1].Ops, op)
		}
	}
	return printTransactions(out)
}
