package writegate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// keptOp is a deadOp as it is read back, with values as they stand in the text.
type keptOp struct {
	deadOp
	Data map[string]json.RawMessage `json:"data"`
	Old  map[string]json.RawMessage `json:"old"`
}

// Transaction reads the body back: the same operations, with the same fingerprints. One that can't be decided again,
// because it had a fault or its values were left out, has that as its Fault.
func (d *DeadLetter) Transaction() (Transaction, error) {
	var body struct {
		TxID int64    `json:"tx_id"`
		Crud []keptOp `json:"crud"`
	}
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return Transaction{}, fmt.Errorf("read dead letter %s: %w", d.ID, err)
	}
	tx := Transaction{ID: body.TxID, Ops: make([]Op, len(body.Crud))}
	for i := range body.Crud {
		kept := &body.Crud[i]
		op := Op{Kind: kept.Op, Table: kept.Type, ID: kept.ID, Metadata: kept.Metadata, OpID: kept.OpID, Fault: d.fault(i, &kept.deadOp)}
		var err error
		if op.Data, err = rowOf(kept.Data); err == nil {
			op.Previous, err = rowOf(kept.Old)
		}
		if err != nil {
			return Transaction{}, fmt.Errorf("read dead letter %s: operation %d: %w", d.ID, i, err)
		}
		tx.Ops[i] = op
	}
	return tx, nil
}

// fault says why the operation at a place can't be decided again, nil when it can.
func (d *DeadLetter) fault(place int, op *deadOp) *Error {
	switch {
	case op.Fault != "" && place == d.OpIndex:
		return &Error{Class: Refused, Code: d.Code, Reason: d.Reason, Message: d.Message, Table: d.Table, Column: d.Column}
	case op.Fault != "":
		return Refuse(InvalidData, "", op.Fault)
	case len(op.Redacted) > 0:
		return Refuse(InvalidData, ReasonLetterRedacted, "Values were left out when this was kept ("+strings.Join(op.Redacted, ", ")+"), so nobody can write it any more.")
	}
	return nil
}

// rowOf makes wire values of what stands in the text.
func rowOf(kept map[string]json.RawMessage) (Row, error) {
	if kept == nil {
		return nil, nil
	}
	row := make(Row, len(kept))
	for name, text := range kept {
		v, err := wireValue(text)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		row[name] = v
	}
	return row, nil
}

// wireValue makes a wire value of a JSON text.
func wireValue(text json.RawMessage) (any, error) {
	if text = bytes.TrimSpace(text); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		return JSON(text), nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

// caller is whom the letter is of, as far as the policy read the token.
func (d *DeadLetter) caller() (Caller, error) {
	c := Caller{Subject: d.Subject, Claims: map[string]any{}}
	if d.Claims != "" {
		dec := json.NewDecoder(strings.NewReader(string(d.Claims)))
		dec.UseNumber()
		if err := dec.Decode(&c.Claims); err != nil {
			return c, fmt.Errorf("read dead letter %s: claims: %w", d.ID, err)
		}
	}
	if c.Claims == nil {
		c.Claims = map[string]any{}
	}
	c.Claims["sub"] = d.Subject
	return c, nil
}
