package policy

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"writegate"
	"writegate/policy/internal/expr"
)

// serve gets ready for an operation: the view that answers its lookups, and what came with it.
func (j *judge) serve(t *table, a *writegate.Admitted, v writegate.View) {
	j.view = v
	j.vars.Serve(j.request(t, a.Op), v)
}

// request is what came with an operation besides its values. It is the client's word.
func (j *judge) request(t *table, op *writegate.Op) expr.Request {
	r := expr.Request{ClientID: j.clientID}
	if strings.HasPrefix(op.Metadata, "{") {
		var m struct {
			BaseVersion json.RawMessage `json:"base_version"`
			ClientTime  json.RawMessage `json:"client_time"`
		}
		if json.Unmarshal([]byte(op.Metadata), &m) == nil {
			r.BaseVersion = wholeNumber(string(m.BaseVersion))
			r.ClientTime = clientTime(string(m.ClientTime))
		}
	}
	if r.BaseVersion == nil && t.version != nil {
		switch v := op.Previous[t.version.Name].(type) {
		case json.Number:
			r.BaseVersion = wholeNumber(v.String())
		case string:
			r.BaseVersion = wholeNumber(v)
		}
	}
	return r
}

// wholeNumber reads a number, or its digits as text; nil when it is neither.
func wholeNumber(text string) *int64 {
	n, err := strconv.ParseInt(strings.Trim(text, `"`), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// clientTime reads a time in the form of RFC 3339, zero when it is none.
func clientTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, strings.Trim(text, `"`))
	if err != nil {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
