package policy

import (
	"encoding/json"
	"strconv"
	"time"

	"writegate"
	"writegate/policy/internal/expr"
)

// serve gets ready for an operation: the view that answers its lookups, and what came with it.
func (j *judge) serve(t *table, a *writegate.Admitted, v writegate.View) {
	j.view = v
	r := expr.Request{ClientID: j.clientID}
	if t.hears {
		r.BaseVersion, r.ClientTime = t.baseVersion(a.Op), j.madeAt(t, a.Op)
	}
	j.vars.Serve(r, v)
}

// baseVersion is the version of the row that the client says it changed, nil when it does not say.
func (t *table) baseVersion(op *writegate.Op) *int64 {
	wire, told := metadata(op, []string{"base_version"})
	if !told && t.version != nil {
		wire = op.Previous[t.version.Name]
	}
	if n, ok := wire.(json.Number); ok {
		wire = n.String()
	}
	text, _ := wire.(string)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// madeAt is when the client says it made the change, zero when it does not say. A clock that is ahead of ours by more
// than clocks may be counts as that far ahead.
func (j *judge) madeAt(t *table, op *writegate.Op) time.Time {
	wire, _ := metadata(op, []string{"client_time"})
	text, _ := wire.(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	ahead := usualFuture
	if t.conflict != nil {
		ahead = t.conflict.clock.future
	}
	if limit := j.now.Add(ahead); at.After(limit) {
		at = limit
	}
	return at.UTC().Truncate(time.Microsecond)
}
