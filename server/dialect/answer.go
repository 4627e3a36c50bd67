package dialect

import (
	"cmp"
	"fmt"
	"time"

	"writegate"
)

// RetryAfter is how long a device is asked to wait before it sends again. The SDKs wait as long by themselves.
const RetryAfter = 5 * time.Second

// Answer says what became of an upload in the format that it came in. Res has an entry for every
// transaction; one that is missing is answered as held, so that nothing is acknowledged by mistake.
func Answer(req *Request, res *writegate.Result) Reply {
	if req.Dialect == Transactions {
		return Reply{Status: 200, RetryAfter: told(res.Err), Body: answerTransactions(req.Upload, res)}
	}
	for i := range req.Upload.Transactions {
		if tx := outcome(res, i); !done(tx.Status) {
			return Reply{Status: 503, RetryAfter: cmp.Or(told(tx.Err), told(res.Err), RetryAfter), Body: Later{Message: message(tx.Err, res.Err), Retryable: true}}
		}
	}
	return Reply{Status: 200, Body: answerOps(req.Upload, res)}
}

// Later is the body of an answer that settles nothing.
type Later struct {
	Message   string `json:"message"`
	Success   bool   `json:"success"`
	Retryable bool   `json:"retryable"`
}

// outcome is what became of the i-th transaction.
func outcome(res *writegate.Result, i int) writegate.TxResult {
	if i < len(res.Transactions) {
		return res.Transactions[i]
	}
	return writegate.TxResult{Status: writegate.Held, Failed: -1}
}

// done reports whether a device may forget what has this status. One that is not known here does not say so.
func done(status writegate.Status) bool {
	switch status {
	case writegate.Applied, writegate.Noop, writegate.Rejected, writegate.Aborted:
		return true
	default:
		return false
	}
}

// told is how long an error says that a device is to wait, 0 where it does not say.
func told(err *writegate.Error) time.Duration {
	if err == nil {
		return 0
	}
	return err.RetryAfter
}

// message is the text of the first error that has one. Connectors of the vendor's need a text.
func message(errs ...*writegate.Error) string {
	for _, err := range errs {
		if err != nil && err.Message != "" {
			return err.Message
		}
	}
	return "The upload could not be processed now; it is worth sending again."
}

// refusal is the error of a refused transaction, never nil and never without code and message.
func refusal(tx writegate.TxResult) writegate.Error {
	var err writegate.Error
	if tx.Err != nil {
		err = *tx.Err
	}
	if err.Code == "" {
		err.Code = writegate.Internal
	}
	if err.Message == "" {
		err.Message = fmt.Sprintf("The transaction was refused (%s).", err.Code)
	}
	return err
}
