package dialect

import (
	"fmt"

	"writegate"
)

// OpsBody answers every format but the vendor's. With status 200 the upload is settled whole, whatever was
// refused of it.
type OpsBody struct {
	Message string `json:"message"`
	// Success is always true. Connectors made after the vendor's guide for agents read it.
	Success bool `json:"success"`
	// Applied and Rejected count operations. Together they are all of the upload.
	Applied  int `json:"applied"`
	Rejected int `json:"rejected"`
	// Identity is none or partial when all or some operations came without the ids that make sending them
	// again exact. It is absent otherwise.
	Identity string     `json:"identity,omitempty"`
	Revision string     `json:"revision,omitempty"`
	Results  []OpResult `json:"results"`
}

// OpResult is one operation of [OpsBody], in the order of the upload.
type OpResult struct {
	Table string           `json:"table"`
	ID    string           `json:"id"`
	Op    writegate.Kind   `json:"op"`
	OpID  int64            `json:"op_id,omitempty"`
	TxID  int64            `json:"tx_id,omitempty"`
	State writegate.Status `json:"status"`
	// The rest is there only for a rejected or aborted operation. Code is the vendor's, Reason the policy's.
	Code    writegate.Code `json:"code,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Column  string         `json:"column,omitempty"`
	Message string         `json:"message,omitempty"`
}

const (
	aborted      = "Another operation of its transaction was refused."
	earlier      = "The operation was refused in an earlier try."
	identityNone = "none"
	identityPart = "partial"
)

func answerOps(up *writegate.Upload, res *writegate.Result) OpsBody {
	body := OpsBody{Success: true, Revision: res.Revision, Results: make([]OpResult, 0, up.Ops())}
	for i := range up.Transactions {
		t, tx := &up.Transactions[i], outcome(res, i)
		for j := range t.Ops {
			r := opResult(t, tx, j)
			if r.State == writegate.Rejected || r.State == writegate.Aborted {
				body.Rejected++
			} else {
				body.Applied++
			}
			body.Results = append(body.Results, r)
		}
	}
	if n := len(body.Results); n > 0 && !res.Identified {
		body.Identity = identityNone
		if 0 < res.Unidentified && res.Unidentified < n {
			body.Identity = identityPart
		}
	}
	body.Message = summary(body.Applied, body.Rejected)
	return body
}

// opResult is what became of the j-th operation of a settled transaction.
func opResult(t *writegate.Transaction, tx writegate.TxResult, j int) OpResult {
	op := &t.Ops[j]
	r := OpResult{Table: op.Table, ID: op.ID, Op: op.Kind, OpID: op.OpID, TxID: t.ID, State: state(tx, j)}
	switch {
	case r.State != writegate.Rejected && r.State != writegate.Aborted:
	case j < len(tx.Ops) && tx.Ops[j].Err != nil:
		err := tx.Ops[j].Err
		r.Code, r.Reason, r.Message, r.Column = err.Code, err.Reason, err.Message, err.Column
	case tx.Failed == j || tx.Failed < 0:
		err := refusal(tx)
		r.Code, r.Reason, r.Message = err.Code, err.Reason, err.Message
		if tx.Failed == j {
			r.Column = err.Column
		}
	case r.State == writegate.Rejected:
		r.Code, r.Message = writegate.Internal, earlier
	default:
		r.Message = aborted
	}
	return r
}

// state is what the j-th operation is answered with. It is the operation's own status: part of a refused
// transaction may have come, and been applied, in an earlier request.
func state(tx writegate.TxResult, j int) writegate.Status {
	switch {
	case refused(tx) && tx.Failed == j:
		return writegate.Rejected
	case j < len(tx.Ops) && done(tx.Ops[j].Status):
		return tx.Ops[j].Status
	case !refused(tx):
		return writegate.Applied
	case tx.Failed < 0:
		return writegate.Rejected
	}
	return writegate.Aborted
}

func summary(applied, rejected int) string {
	switch {
	case applied+rejected == 0:
		return "The upload is empty."
	case rejected == 0:
		return "Applied."
	}
	return fmt.Sprintf("%d of %d operations were refused; they are settled.", rejected, applied+rejected)
}
