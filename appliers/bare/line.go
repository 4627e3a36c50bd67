package bare

import (
	"encoding/json"
	"time"

	"writegate"
)

// Line is a dead letter as a line of JSON. The body is the transaction in the words of the SDKs. What stands behind it is
// not in the file, where a letter stays open and its claims are not kept.
type Line struct {
	ID       string          `json:"id"`
	At       time.Time       `json:"at"`
	Database string          `json:"database,omitempty"`
	ClientID string          `json:"client_id,omitempty"`
	Subject  string          `json:"subject"`
	TxID     int64           `json:"tx_id,omitempty"`
	FirstOp  int64           `json:"first_op,omitempty"`
	LastOp   int64           `json:"last_op,omitempty"`
	OpIndex  int             `json:"op_index"`
	Code     writegate.Code  `json:"code"`
	Reason   string          `json:"reason,omitempty"`
	Message  string          `json:"message"`
	Table    string          `json:"table,omitempty"`
	Column   string          `json:"column,omitempty"`
	Revision string          `json:"revision"`
	Body     json.RawMessage `json:"body,omitempty"`

	State    writegate.LetterState `json:"state,omitempty"`
	Seen     int                   `json:"seen,omitempty"`
	LastSeen time.Time             `json:"last_seen,omitzero"`
	ClosedBy string                `json:"closed_by,omitempty"`
	Note     string                `json:"note,omitempty"`
	ClosedAt time.Time             `json:"closed_at,omitzero"`
	Claims   json.RawMessage       `json:"claims,omitempty"`
	// After names the open letters that it depends on.
	After []string `json:"after,omitempty"`
}

// NewLine is the line of a letter, of what the file keeps.
func NewLine(l *writegate.DeadLetter) Line {
	return Line{
		ID: l.ID, At: l.At.UTC(), ClientID: l.ClientID, Subject: l.Subject, TxID: l.TxID, FirstOp: l.FirstOp, LastOp: l.LastOp,
		OpIndex: l.OpIndex, Code: l.Code, Reason: l.Reason, Message: l.Message, Table: l.Table, Column: l.Column,
		Revision: l.Revision, Body: l.Body,
	}
}

// Letter is the letter of the line. What the line does not say of its state is that of one that was seen once.
func (l *Line) Letter() writegate.StoredLetter {
	s := writegate.StoredLetter{
		DeadLetter: writegate.DeadLetter{
			ID: l.ID, ClientID: l.ClientID, Subject: l.Subject, TxID: l.TxID, FirstOp: l.FirstOp, LastOp: l.LastOp, OpIndex: l.OpIndex,
			Code: l.Code, Reason: l.Reason, Message: l.Message, Table: l.Table, Column: l.Column, Revision: l.Revision, At: l.At,
			Claims: writegate.JSON(l.Claims), Body: l.Body,
		},
		Seen: max(l.Seen, 1), LastSeen: l.LastSeen, State: l.State, ClosedBy: l.ClosedBy, Note: l.Note, ClosedAt: l.ClosedAt,
	}
	if s.State == "" {
		s.State = writegate.LetterOpen
	}
	if s.LastSeen.IsZero() {
		s.LastSeen = s.At
	}
	return s
}

// again counts a line of the same refusal.
func (l *Line) again(s *writegate.StoredLetter) {
	more := l.Letter()
	s.Seen += more.Seen
	if s.LastSeen.Before(more.LastSeen) {
		s.LastSeen = more.LastSeen
	}
}
