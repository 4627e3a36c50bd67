package policytest

import (
	"cmp"
	"strings"

	"writegate"
)

// Outcome is what became of one operation.
type Outcome struct {
	// Outcome is one of the words, such as [Allow].
	Outcome string `json:"outcome"`
	// Code says why it was refused, such as not_writable.
	Code string `json:"code,omitempty"`
	// Rule is the rule that granted it.
	Rule string `json:"rule,omitempty"`
	// Field is the column that it was refused for.
	Field string `json:"field,omitempty"`
	// Message is what the client is told.
	Message string `json:"message,omitempty"`
	// Cause is what the client is not told, as why a condition could not be evaluated.
	Cause string `json:"cause,omitempty"`
	// Row is the row as it is afterwards, nil when there is none.
	Row writegate.Row `json:"-"`
}

// outcomeOf finds out about one operation of a transaction.
func outcomeOf(tx *writegate.TxResult, i int, d writegate.Decision) Outcome {
	var o Outcome
	switch tx.Ops[i].Status {
	case writegate.Applied:
		o.Outcome, o.Rule = Allow, d.Rule
	case writegate.Noop:
		o.Outcome = Noop
	case writegate.Rejected:
		o.refused(cmp.Or(tx.Ops[i].Err, tx.Err))
	case writegate.Aborted:
		o.Outcome = Aborted
		if tx.Failed < 0 {
			o.refused(tx.Err)
		}
	case writegate.Held, writegate.NotAttempted:
		o.refused(tx.Err)
		o.Outcome = Retry
	}
	return o
}

// refused takes over why.
func (o *Outcome) refused(why *writegate.Error) {
	o.Outcome, o.Code, o.Field, o.Message = Reject, why.Reason, why.Column, why.Message
	if o.Code == "" {
		o.Code = string(why.Code)
	}
	if why.Cause != nil {
		o.Cause = why.Cause.Error()
	}
	if why.Code == writegate.Conflict && strings.HasPrefix(why.Reason, "conflict.") && why.Reason != "conflict.version_missing" {
		o.Outcome = Conflict
	}
}

// whole is the outcome of a transaction: that of the operation to blame, or the best of all.
func whole(all []Outcome) Outcome {
	out := all[0]
	for _, o := range all[1:] {
		if rank[o.Outcome] > rank[out.Outcome] {
			out = o
		}
	}
	return out
}

// rank orders outcomes by how much they say of a transaction.
var rank = map[string]int{Noop: 0, Allow: 1, Aborted: 2, Reject: 3, Conflict: 3, Retry: 4}
