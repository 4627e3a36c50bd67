package writegate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// letter is a dead letter as it fills: with what was refused, and with what goes with that.
type letter struct {
	why    *refusal
	tx     int64
	place  int // of the operation to blame
	ops    []*opWork
	redact map[string][]string
}

func (l *letter) add(w *work, places []int) {
	if l.ops == nil {
		l.place = slices.Index(places, l.why.place)
	}
	for _, place := range places {
		l.ops = append(l.ops, &w.ops[place])
	}
}

func (u *upload) deadLetter(l *letter, db *database) (DeadLetter, error) {
	err := l.why.err
	d := DeadLetter{
		ID: deadID(u.client, u.caller.Subject, l.ops), ClientID: u.client, Subject: u.caller.Subject, TxID: l.tx, OpIndex: l.place,
		Code: err.Code, Reason: err.Reason, Message: err.Message, Table: err.Table, Column: err.Column, Revision: u.revision, At: u.now,
		FirstOp: l.ops[0].op.OpID, LastOp: l.ops[0].op.OpID,
	}
	for _, w := range l.ops {
		d.FirstOp, d.LastOp = min(d.FirstOp, w.op.OpID), max(d.LastOp, w.op.OpID)
	}
	var fault error
	if d.Claims, fault = u.claims(db); fault == nil {
		d.Body, fault = l.body()
	}
	return d, fault
}

// claims are what is to be known of the caller when a letter is retried: what the policy reads of the token, and all of it
// where the database decides as well, since nobody knows what it reads.
func (u *upload) claims(db *database) (JSON, error) {
	if !delegates(db.Applier) {
		return u.judge.Claims(), nil
	}
	text, err := json.Marshal(u.caller.Claims)
	if err != nil {
		return "", fmt.Errorf("dead letter: claims: %w", err)
	}
	return JSON(text), nil
}

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
	// Redacted names the columns whose values are left out.
	Redacted []string `json:"redacted,omitempty"`
}

func (l *letter) body() ([]byte, error) {
	body := struct {
		TxID int64    `json:"tx_id,omitempty"`
		Crud []deadOp `json:"crud"`
	}{l.tx, make([]deadOp, len(l.ops))}
	for i, w := range l.ops {
		op := w.op
		hidden := map[string]bool{}
		body.Crud[i] = deadOp{
			OpID: op.OpID, Op: op.Kind, Type: op.Table, ID: op.ID,
			Data: l.plain(op, op.Data, hidden), Old: l.plain(op, op.Previous, hidden), Metadata: op.Metadata,
		}
		for name := range hidden {
			body.Crud[i].Redacted = append(body.Crud[i].Redacted, name)
		}
		slices.Sort(body.Crud[i].Redacted)
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

// plain makes JSON of a row, without the values to be left out, whose names it adds to hidden.
func (l *letter) plain(op *Op, row Row, hidden map[string]bool) map[string]any {
	if row == nil {
		return nil
	}
	out := make(map[string]any, len(row))
	for name, v := range row {
		if l.hides(op.Table, name) {
			hidden[name] = true
			continue
		}
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

// hides tells whether a value is to be left out. A client that writes the name in other letters gets nothing past it.
func (l *letter) hides(table, column string) bool {
	is := func(name string) bool { return strings.EqualFold(name, column) }
	return slices.ContainsFunc(l.redact[table], is) || slices.ContainsFunc(l.redact[""], is)
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
