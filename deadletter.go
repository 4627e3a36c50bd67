package writegate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// deadOp is an operation as a dead letter keeps it, in the words of the SDKs.
type deadOp struct {
	OpID     int64          `json:"op_id,omitempty"`
	Op       Kind           `json:"op"`
	Type     string         `json:"type"`
	ID       string         `json:"id"`
	Data     map[string]any `json:"data,omitempty"`
	Old      map[string]any `json:"old,omitempty"`
	Metadata string         `json:"metadata,omitempty"`
	Fault    string         `json:"fault,omitempty"`
}

func deadBody(txID int64, ops []*opWork) ([]byte, error) {
	body := struct {
		TxID int64    `json:"tx_id,omitempty"`
		Crud []deadOp `json:"crud"`
	}{txID, make([]deadOp, len(ops))}
	for i, w := range ops {
		op := w.op
		body.Crud[i] = deadOp{
			OpID: op.OpID, Op: op.Kind, Type: op.Table, ID: op.ID,
			Data: plainRow(op.Data), Old: plainRow(op.Previous), Metadata: op.Metadata,
		}
		if op.Fault != nil {
			body.Crud[i].Fault = op.Fault.Message
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("dead letter: %w", err)
	}
	return text, nil
}

func plainRow(row Row) map[string]any {
	if row == nil {
		return nil
	}
	out := make(map[string]any, len(row))
	for name, v := range row {
		switch t := v.(type) {
		case JSON:
			if v = string(t); json.Valid([]byte(t)) {
				v = json.RawMessage(t)
			}
		case json.Number:
			if !json.Valid([]byte(t)) {
				v = string(t)
			}
		}
		out[name] = v
	}
	return out
}

// deadID is the same whenever the same subject sends the same operations from the same device again.
func deadID(clientID, subject string, ops []*opWork) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s%d:%s", len(clientID), clientID, len(subject), subject)
	for _, w := range ops {
		fmt.Fprintf(h, "/%d:%x", w.op.OpID, w.fp)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
