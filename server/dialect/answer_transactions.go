package dialect

import "writegate"

// The vendor's words.
const (
	success      = "success"
	retryable    = "retryable_error"
	fatal        = "fatal_error"
	notAttempted = "not_attempted"
)

// TransactionsBody answers the vendor's format. Its connector completes the settled prefix of Results and
// keeps the rest, so nothing after the first entry that is not settled says that it is.
type TransactionsBody struct {
	Results []TransactionResult `json:"results"`
}

// TransactionResult is one entry of [TransactionsBody], in the order of the transactions.
type TransactionResult struct {
	Status string `json:"status"`
	// RequiresClientHandling is there for a fatal_error only. False tells the device to go on; true that nothing was
	// settled and it has to keep the transaction, and all behind it, until somebody has mended the cause.
	RequiresClientHandling *bool            `json:"requires_client_handling,omitempty"`
	Message                string           `json:"message,omitempty"`
	FailedOperation        *FailedOperation `json:"failed_operation,omitempty"`
}

// FailedOperation says why a transaction was refused.
type FailedOperation struct {
	ErrorCode writegate.Code  `json:"error_code"`
	Message   string          `json:"message"`
	Details   *FailureDetails `json:"details,omitempty"`
	// OperationIndex counts from 0. It is absent where no single operation is to blame.
	OperationIndex *int `json:"operation_index,omitempty"`
}

// FailureDetails has the policy's dotted code, and the names of table and column as the client knows them.
type FailureDetails struct {
	Code   string `json:"code,omitempty"`
	Table  string `json:"table,omitempty"`
	Column string `json:"column,omitempty"`
}

func answerTransactions(up *writegate.Upload, res *writegate.Result) TransactionsBody {
	body := TransactionsBody{Results: make([]TransactionResult, 0, len(up.Transactions))}
	stopped := false
	for i := range up.Transactions {
		tx := outcome(res, i)
		r := TransactionResult{Status: notAttempted}
		switch {
		case stopped:
		case tx.Status == writegate.NotAttempted:
			stopped = true
		case kept(tx):
			r = fatalError(tx)
			*r.RequiresClientHandling = true
			stopped = true
		case !done(tx.Status):
			r = TransactionResult{Status: retryable, Message: message(tx.Err, res.Err)}
			stopped = true
		case refused(tx):
			r = fatalError(tx)
		default:
			r.Status = success
		}
		body.Results = append(body.Results, r)
	}
	return body
}

// kept reports whether a transaction was refused and has to stay on the device.
func kept(tx writegate.TxResult) bool {
	return tx.Status == writegate.Held && tx.Err != nil && tx.Err.Class == writegate.Refused
}

func refused(tx writegate.TxResult) bool {
	return tx.Status == writegate.Rejected || tx.Status == writegate.Aborted
}

func fatalError(tx writegate.TxResult) TransactionResult {
	err := refusal(tx)
	failed := &FailedOperation{ErrorCode: err.Code, Message: err.Message}
	if details := (FailureDetails{err.Reason, err.Table, err.Column}); details != (FailureDetails{}) {
		failed.Details = &details
	}
	if tx.Failed >= 0 {
		failed.OperationIndex = &tx.Failed
	}
	return TransactionResult{
		Status: fatal, RequiresClientHandling: new(bool),
		Message: err.Message, FailedOperation: failed,
	}
}
