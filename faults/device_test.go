package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// device is a client with a real queue: it numbers its operations, sends whole transactions in order, keeps
// what is not acknowledged and sends it again, regrouped, until it is.
type device struct {
	id, token string
	rnd       *rand.Rand
	http      *http.Client

	nextOp, nextTx int64
	queue          []queued
	acked          []queued // every operation the daemon said is settled and applied
	sent           int

	settled, held atomic.Int64 // uploads that were acknowledged, and those that were not
}

type queued struct {
	OpID  int64          `json:"op_id"`
	TxID  int64          `json:"tx_id"`
	Op    string         `json:"op"`
	Table string         `json:"type"`
	ID    string         `json:"id"`
	Data  map[string]any `json:"data"`
}

// write puts one local transaction on the queue: a new row with a first value, and later values for it and
// for an earlier row. Every value occurs once in the whole run, so that each effect can be told apart.
func (d *device) write() {
	d.nextTx++
	row := fmt.Sprintf("%s-%d", d.id, d.nextTx)
	d.push("PUT", row)
	for range d.rnd.IntN(3) {
		d.push("PATCH", row)
	}
	if d.nextTx > 1 {
		d.push("PATCH", fmt.Sprintf("%s-%d", d.id, 1+d.rnd.Int64N(d.nextTx-1)))
	}
}

func (d *device) push(op, row string) {
	d.nextOp++
	d.queue = append(d.queue, queued{
		OpID: d.nextOp, TxID: d.nextTx, Op: op, Table: "registers", ID: row,
		Data: map[string]any{"value": fmt.Sprintf("%s/%d", d.id, d.nextOp), "owner": d.id},
	})
}

// take returns the first transactions of the queue, at least one and at most n.
func (d *device) take(n int) []queued {
	end, txs := 0, 0
	for end < len(d.queue) {
		if end == 0 || d.queue[end].TxID != d.queue[end-1].TxID {
			if txs++; txs > n {
				break
			}
		}
		end++
	}
	return d.queue[:end]
}

// upload sends the head of the queue once. It reports whether the daemon acknowledged it.
func (d *device) upload(ctx context.Context, url string) (bool, error) {
	head := d.take(1 + d.rnd.IntN(5))
	if len(head) == 0 {
		return true, nil
	}
	return d.send(ctx, url, head)
}

// send uploads the first operations of the queue, and forgets them when they are acknowledged.
func (d *device) send(ctx context.Context, url string, head []queued) (bool, error) {
	d.sent++
	body, err := json.Marshal(map[string]any{"client_id": d.id, "batch": head})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/data", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	req.Header.Set("Content-Type", "application/json")
	settled := false
	defer func() {
		if settled {
			d.settled.Add(1)
		} else {
			d.held.Add(1)
		}
	}()
	res, err := d.http.Do(req)
	if err != nil {
		return false, nil // nobody knows; the queue keeps it
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return false, nil
	}
	switch {
	case res.StatusCode == http.StatusServiceUnavailable:
		return false, nil
	case res.StatusCode != http.StatusOK:
		return false, fmt.Errorf("status %d: %s", res.StatusCode, answer)
	}
	var parsed struct {
		Rejected json.Number `json:"rejected"`
		Applied  json.Number `json:"applied"`
	}
	if err := json.Unmarshal(answer, &parsed); err != nil {
		return false, fmt.Errorf("answer %s: %w", answer, err)
	}
	if parsed.Rejected != "0" {
		return false, fmt.Errorf("a permitted write was refused: %s", answer)
	}
	d.acked = append(d.acked, head...)
	d.queue = d.queue[len(head):]
	settled = true
	return true, nil
}

// run writes and uploads until ctx ends, then uploads what is left until drain ends.
func (d *device) run(ctx, drain context.Context, url string) error {
	for ctx.Err() == nil {
		for range 1 + d.rnd.IntN(3) {
			d.write()
		}
		if err := d.flush(ctx, url); err != nil {
			return err
		}
	}
	if err := d.flush(drain, url); err != nil {
		return err
	}
	if len(d.queue) > 0 {
		return fmt.Errorf("device %s is stuck with %d operations", d.id, len(d.queue))
	}
	return nil
}

func (d *device) flush(ctx context.Context, url string) error {
	for len(d.queue) > 0 && ctx.Err() == nil {
		ok, err := d.upload(ctx, url)
		if err != nil {
			return err
		}
		if !ok {
			time.Sleep(20 * time.Millisecond) // as an SDK waits before it tries again, only shorter
		}
	}
	return nil
}
