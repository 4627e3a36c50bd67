package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"writegate"
)

func zip(t testing.TB, text string) string {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// transactions is n transactions of one op in the vendor's dialect.
func transactions(n int) string {
	var b strings.Builder
	b.WriteString(`{"transactions":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"transaction_id":%d,"crud":[{"op":"PUT","table":"lists","id":"l%d","op_data":{"name":"a"}}]}`, i+1, i)
	}
	b.WriteString(`]}`)
	return b.String()
}

// settle answers the first transaction with first, those after a held one with not_attempted, and the rest as applied.
func settle(first writegate.Status, e *writegate.Error) func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error) {
	return func(_ context.Context, _ writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
		res := applied(up)
		for i := range res.Transactions {
			tx := &res.Transactions[i]
			switch {
			case i == 0:
				tx.Status, tx.Failed, tx.Err, tx.Ops[0].Status = first, 0, e, first
			case first == writegate.Held || up.StopOnRefusal:
				tx.Status, tx.Ops[0].Status = writegate.NotAttempted, writegate.NotAttempted
			}
		}
		if first == writegate.Held {
			res.Err = e
		}
		return res, nil
	}
}

func TestStatuses(t *testing.T) {
	away := writegate.TryLater(nil)
	closed := &writegate.Error{Class: writegate.Retry, Code: writegate.Unavailable, Reason: writegate.ReasonMaintenance, Message: "Closed.", RetryAfter: 10 * time.Minute}
	taken := writegate.Refuse(writegate.UniqueViolation, "", "lists.name: taken")
	var apply func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error)
	s := start(t, func(o *Options) {
		o.Limits.Body = 24 << 20
		o.Apply = func(ctx context.Context, c writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
			return apply(ctx, c, up)
		}
	})
	nulls := `{"transactions":[{"transaction_id":null,"crud":[{"op":"PUT","table":"lists","id":"l1","op_data":null,"previous_values":null,"metadata":null,"transaction_id":null}]}]}`
	large := fmt.Sprintf(`{"batch":[{"op":"PUT","table":"lists","id":"l1","data":{"a":%q}}`, strings.Repeat("x", 1<<20)) +
		strings.Repeat(fmt.Sprintf(`,{"op":"PUT","table":"lists","id":"l2","data":{"a":%q}}`, strings.Repeat("x", 1<<20)), 19) + `]}`

	for name, tt := range map[string]struct {
		body    string
		apply   func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error)
		headers []string
		status  int
		// has are parts of the body, not are parts that it may not have.
		has, not []string
		// header must be there with these values, those of "" must be absent.
		header map[string]string
		// result says that the body is not just a message.
		result bool
	}{
		"applied": {body: oneOp, status: 200, result: true, has: []string{`"applied":1`, `"rejected":0`}, header: map[string]string{"Retry-After": "", "WWW-Authenticate": "", "Content-Type": "application/json"}},
		"applied, vendor's dialect": {
			body: transactions(2), status: 200, result: true,
			has: []string{`{"results":[{"status":"success"},{"status":"success"}]`},
		},
		"null where the vendor answers 400": {body: nulls, status: 200, result: true, has: []string{`"status":"success"`}},
		"51 transactions":                   {body: transactions(51), status: 200, result: true, has: []string{strings.Repeat(`{"status":"success"},`, 50) + `{"status":"success"}`}},
		"no transactions at all":            {body: `{"transactions":[]}`, status: 200, result: true, has: []string{`"results":[]`}},
		"20 MB":                             {body: large, status: 200, result: true, has: []string{`"applied":20`}},
		"gzip":                              {body: zip(t, transactions(1)), headers: []string{"Content-Encoding: gzip"}, status: 200, result: true, has: []string{`"status":"success"`}},
		"text/plain":                        {body: oneOp, headers: []string{"Content-Type: text/plain;charset=UTF-8"}, status: 200, result: true},
		"Token scheme":                      {body: oneOp, headers: []string{"Authorization: Token good"}, status: 200, result: true},
		"lower-case scheme":                 {body: oneOp, headers: []string{"Authorization: bearer good"}, status: 200, result: true},
		"refused":                           {body: oneOp, apply: settle(writegate.Rejected, taken), status: 200, result: true, has: []string{`"rejected":1`}},
		"refused, vendor's dialect stops": {
			body: transactions(2), apply: settle(writegate.Rejected, taken), status: 200, result: true,
			has: []string{`"fatal_error"`, `"UNIQUE_VIOLATION"`, `"not_attempted"`},
		},
		"held, vendor's dialect": {
			body: transactions(2), apply: settle(writegate.Held, away), status: 200, result: true,
			has: []string{`"retryable_error"`, `"not_attempted"`},
		},
		"held":                    {body: oneOp, apply: settle(writegate.Held, away), status: 503, result: true, has: []string{`"message"`}, header: map[string]string{"Retry-After": "5 to 8"}},
		"closed":                  {body: oneOp, apply: settle(writegate.Held, closed), status: 503, result: true, has: []string{"Closed."}, header: map[string]string{"Retry-After": "600 to 900"}},
		"a transaction is closed": {body: transactions(2), apply: settle(writegate.Held, closed), status: 200, result: true, has: []string{`"retryable_error"`}, header: map[string]string{"Retry-After": "600 to 900"}},
		"closed without a result": {
			body: oneOp, status: 503, has: []string{"Closed."}, header: map[string]string{"Retry-After": "600 to 900"},
			apply: func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error) {
				return nil, closed
			},
		},

		"no token":          {body: oneOp, headers: []string{"Authorization: "}, status: 401, has: []string{"missing"}, header: map[string]string{"WWW-Authenticate": `Bearer error="invalid_token"`}},
		"another scheme":    {body: oneOp, headers: []string{"Authorization: Basic good"}, status: 401, has: []string{"scheme"}, header: map[string]string{"WWW-Authenticate": `Bearer error="invalid_token"`}},
		"empty token":       {body: oneOp, headers: []string{"Authorization: Bearer  "}, status: 401},
		"wrong token":       {body: oneOp, headers: []string{"Authorization: Bearer wr0ng"}, status: 401, has: []string{"signature"}, not: []string{"wr0ng"}, header: map[string]string{"WWW-Authenticate": `Bearer error="invalid_token"`, "Retry-After": ""}},
		"expired token":     {body: oneOp, headers: []string{"Authorization: Bearer expired"}, status: 401, has: []string{"expired"}},
		"token before body": {body: `{"`, headers: []string{"Authorization: Bearer wrong"}, status: 401},
		"key source away":   {body: oneOp, headers: []string{"Authorization: Bearer keys-away"}, status: 503, header: map[string]string{"Retry-After": "5 to 8", "WWW-Authenticate": ""}},
		"claim required by the policy is missing": {
			body: oneOp, status: 403, has: []string{"org_id"}, header: map[string]string{"WWW-Authenticate": ""},
			apply: func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error) {
				return nil, &writegate.Error{Class: writegate.Forbidden, Code: writegate.Unauthorized, Message: "The token has no claim org_id."}
			},
		},
		"not JSON":                 {body: `{"batch":`, status: 400},
		"empty body":               {body: "", status: 400},
		"no operation to be found": {body: `{"hello":1}`, status: 400},
		"two devices":              {body: `{"client_id":"d1","batch":[{"op":"DELETE","table":"lists","id":"l1"}]}`, headers: []string{"X-Client-Id: d2"}, status: 400, has: []string{"different devices"}},
		"not gzip":                 {body: oneOp, headers: []string{"Content-Encoding: gzip"}, status: 400, has: []string{"Content-Encoding"}},
		"gzip cut off":             {body: zip(t, transactions(20))[:60], headers: []string{"Content-Encoding: gzip"}, status: 400},
		"too large":                {body: strings.Repeat(" ", 24<<20) + oneOp, status: 413, has: []string{"25165824"}},
		"too large when inflated":  {body: zip(t, strings.Repeat(" ", 24<<20)+oneOp), headers: []string{"Content-Encoding: gzip"}, status: 413, has: []string{"25165824"}},
		"another encoding":         {body: oneOp, headers: []string{"Content-Encoding: br"}, status: 415, header: map[string]string{"Accept-Encoding": "gzip"}},
		"two encodings":            {body: oneOp, headers: []string{"Content-Encoding: gzip, gzip"}, status: 415},
		"panic while applying": {
			body: oneOp, status: 503, not: []string{"boom"}, header: map[string]string{"Retry-After": "5 to 8"},
			apply: func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error) { panic("boom") },
		},
		"panic while authenticating": {body: oneOp, headers: []string{"Authorization: Bearer panic"}, status: 503, header: map[string]string{"Retry-After": "5 to 8"}},
		"an error that nobody foresaw": {
			body: oneOp, status: 503, not: []string{"10.0.0.7"}, header: map[string]string{"Retry-After": "5 to 8"},
			apply: func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error) {
				return nil, fmt.Errorf("dial 10.0.0.7: refused")
			},
		},
		"a refusal of the whole that has no place in the protocol": {
			body: oneOp, status: 503,
			apply: func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error) {
				return nil, taken
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if apply = tt.apply; apply == nil {
				apply = applyAll
			}
			a := s.post(t, tt.body, tt.headers...)
			if a.status != tt.status {
				t.Fatalf("status %d, want %d: %s", a.status, tt.status, a.body)
			}
			if !tt.result {
				a.message(t)
			}
			for _, part := range tt.has {
				if !strings.Contains(a.body, part) {
					t.Errorf("body %s has no %s", a.body, part)
				}
			}
			for _, part := range tt.not {
				if strings.Contains(a.body, part) {
					t.Errorf("body %s has %s", a.body, part)
				}
			}
			for name, want := range tt.header {
				got := a.header.Get(name)
				var low, high int
				if _, err := fmt.Sscanf(want, "%d to %d", &low, &high); err == nil && isBetween(got, low, high) {
					got = want
				}
				if got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if a.header.Get("X-Request-Id") == "" {
				t.Error("no request id")
			}
		})
	}
}

func isBetween(text string, low, high int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && low <= n && n <= high
}

// TestEveryClassHasAStatus sees to it that no error falls out of the table, and that only a wrong token and a
// forbidden upload are the client's fault.
func TestEveryClassHasAStatus(t *testing.T) {
	for _, code := range []writegate.Code{writegate.Unauthorized, writegate.Internal} {
		for class := range writegate.Class(8) {
			want := http.StatusServiceUnavailable
			switch {
			case class == writegate.Forbidden:
				want = http.StatusForbidden
			case class == writegate.Refused && code == writegate.Unauthorized:
				want = http.StatusUnauthorized
			}
			if got := statusOf(&writegate.Error{Class: class, Code: code}); got != want {
				t.Errorf("%v %v: %d, want %d", class, code, got, want)
			}
		}
	}
}
