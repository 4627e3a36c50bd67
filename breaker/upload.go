package breaker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// outcome is what a device is told of a transaction that is settled.
type outcome struct {
	refused bool
	why     string
}

// send uploads transactions once, and returns what became of those that are settled, the first ones. What can't be
// known is not settled.
func (d *device) send(ctx context.Context, txs []*transaction) ([]outcome, error) {
	d.counts.add("uploads")
	body, err := json.Marshal(d.body(txs))
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	res, err := d.http.Do(req)
	if err != nil {
		d.counts.add("uploads without an answer")
		return nil, nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		d.counts.add("uploads without an answer")
		return nil, nil
	}
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusServiceUnavailable, http.StatusBadGateway: // the latter is the proxy's
		d.counts.add(fmt.Sprintf("uploads answered %d", res.StatusCode))
		return nil, nil
	default:
		d.faults.add("device %s: answer %d: %s", d.id, res.StatusCode, text)
		return nil, nil
	}
	settled, err := d.read(text, txs)
	if err != nil {
		d.faults.add("device %s: %v in the answer %s", d.id, err, text)
		return nil, nil
	}
	return settled, nil
}

func (d *device) body(txs []*transaction) any {
	type op struct {
		ID    int64          `json:"op_id"`
		Tx    int64          `json:"tx_id,omitempty"`
		Kind  string         `json:"op"`
		Table string         `json:"type"`
		Row   string         `json:"id"`
		Data  map[string]any `json:"data,omitempty"`
	}
	type crud struct {
		ID  int64 `json:"transaction_id"`
		Ops []op  `json:"crud"`
	}
	var all []crud
	var flat []op
	for _, tx := range txs {
		it := crud{ID: tx.id}
		for _, o := range tx.ops {
			it.Ops = append(it.Ops, op{o.id, tx.id, o.kind, o.table, o.row, o.data})
		}
		all = append(all, it)
		flat = append(flat, it.Ops...)
	}
	if d.vendor {
		return map[string]any{"client_id": d.id, "transactions": all}
	}
	return map[string]any{"client_id": d.id, "batch": flat}
}

func (d *device) read(text []byte, txs []*transaction) ([]outcome, error) {
	var answer struct {
		Results []struct {
			Status string `json:"status"`
			Code   string `json:"code"`
			Failed struct {
				Code string `json:"error_code"`
			} `json:"failed_operation"`
		} `json:"results"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	var settled []outcome
	if d.vendor {
		if len(answer.Results) != len(txs) {
			return nil, fmt.Errorf("%d results for %d transactions", len(answer.Results), len(txs))
		}
		for _, r := range answer.Results {
			switch r.Status {
			case "success":
				settled = append(settled, outcome{})
			case "fatal_error":
				settled = append(settled, outcome{true, r.Failed.Code})
			case "retryable_error", "not_attempted":
				return settled, nil
			default:
				return nil, fmt.Errorf("status %q", r.Status)
			}
		}
		return settled, nil
	}
	rest := answer.Results
	for _, tx := range txs {
		if len(rest) < len(tx.ops) {
			return nil, fmt.Errorf("too few results")
		}
		var it outcome
		n := 0
		for _, r := range rest[:len(tx.ops)] {
			switch r.Status {
			case "applied", "noop":
			case "rejected":
				it.why = r.Code
				n++
			case "aborted":
				n++
			default:
				return nil, fmt.Errorf("status %q", r.Status)
			}
		}
		if it.refused = n > 0; it.refused && n < len(tx.ops) {
			return nil, fmt.Errorf("transaction %d is torn", tx.id)
		}
		settled = append(settled, it)
		rest = rest[len(tx.ops):]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d results too many", len(rest))
	}
	return settled, nil
}
