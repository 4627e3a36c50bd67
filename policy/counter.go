package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"writegate"
)

// counter is a column that changes add to, instead of setting it: what several devices did adds up.
type counter struct {
	col *column
	// from tells how much is added: the difference from what the client saw, or a number of its own.
	from source
	// low and high bound the sum, nil for no bound.
	low, high *big.Rat
	clamps    bool // a sum out of bounds is cut to the bound
	message   message
}

const (
	reasonPreviousMissing = "counter.previous_missing"
	reasonCounterMin      = "counter.min"
	reasonCounterMax      = "counter.max"
	reasonOverflow        = "counter.overflow"
)

var (
	errNumber  = errors.New("must be a number")
	errInteger = errors.New("must be an integer of 64 bits")
)

// accept makes a number of what a client sent, whether or not the column could hold it: what counts is the sum.
func (c *counter) accept(wire any) (any, error) {
	if wire == nil {
		return nil, nil
	}
	text := fmt.Sprint(wire)
	r, ok := new(big.Rat), number.MatchString(text)
	if ok {
		r, ok = r.SetString(text)
	}
	switch {
	case !ok:
		return nil, errNumber
	case c.col.Type == writegate.Decimal:
		return exactly(r), nil
	case !r.IsInt() || !r.Num().IsInt64():
		return nil, errInteger
	}
	return r.Num().Int64(), nil
}

// maxAmount is how long a stored number may be.
const maxAmount = 1000

// exactly writes a number exactly. It has an end, as sums of decimal numbers do.
func exactly(r *big.Rat) string {
	digits, _ := r.FloatPrec()
	return r.FloatString(digits)
}

// numberIn reads a stored number. Null is nothing yet.
func numberIn(v any) (*big.Rat, bool) {
	switch v := v.(type) {
	case nil:
		return new(big.Rat), true
	case int64:
		return new(big.Rat).SetInt64(v), true
	case string:
		if len(v) <= maxAmount && strings.Trim(v, "0123456789.-") == "" {
			return new(big.Rat).SetString(v)
		}
	}
	return nil, false
}

// count makes sums of what the client sent for counters and what is stored. A create sets them.
func (j *judge) count(t *table, a *writegate.Admitted, old, values writegate.Row) *writegate.Decision {
	for _, c := range t.counters {
		sent, ok := values[c.col.Name]
		switch {
		case !ok:
		case old == nil:
			if stop := j.begin(t, c, values, sent); stop != nil {
				return stop
			}
		default:
			delete(values, c.col.Name)
			if stop := j.add(t, c, a, old, values, sent); stop != nil {
				return stop
			}
		}
	}
	return nil
}

// begin sets the counter of a new row.
func (j *judge) begin(t *table, c *counter, values writegate.Row, sent any) *writegate.Decision {
	if sent == nil {
		return nil
	}
	first, ok := numberIn(sent)
	if !ok {
		return t.broken(errNumber)
	}
	sum, refusal := j.within(t, c, nil, first)
	if refusal == nil {
		values[c.col.Name], refusal = c.store(t, sum)
	}
	if refusal != nil {
		return &writegate.Decision{Refusal: refusal}
	}
	return nil
}

// add makes the sum a value to be written, unless nothing is added.
func (j *judge) add(t *table, c *counter, a *writegate.Admitted, old, values writegate.Row, sent any) *writegate.Decision {
	was, known := old[c.col.Name]
	if !known {
		return &undecided
	}
	stored, ok := numberIn(was)
	if !ok {
		return t.broken(fmt.Errorf("the counter %s holds no number", c.col.qualified))
	}
	delta, refusal := c.delta(t, a, sent)
	if refusal == nil && delta.Sign() == 0 {
		return nil
	}
	var sum *big.Rat
	if refusal == nil {
		sum, refusal = j.within(t, c, stored, delta)
	}
	if refusal == nil {
		values[c.col.Name], refusal = c.store(t, sum)
	}
	if refusal != nil {
		return &writegate.Decision{Refusal: refusal}
	}
	return nil
}

// delta is how much the client adds.
func (c *counter) delta(t *table, a *writegate.Admitted, sent any) (*big.Rat, *writegate.Error) {
	if sent == nil {
		return nil, t.refuse(writegate.NotNullViolation, "column.null", c.col.Name, c.col.qualified+": a counter can't be set to null")
	}
	is, _ := numberIn(sent)
	if c.from.of == fromDelta {
		return is, nil
	}
	wire, told := c.from.find(a.Op, c.col.Name)
	if !told {
		return nil, t.refuse(writegate.InvalidData, reasonPreviousMissing, c.col.Name, c.col.qualified+": the operation does not tell "+c.from.tells()+", so nobody knows how much to add")
	}
	v, err := c.col.accept(wire)
	if err != nil {
		return nil, t.refuse(writegate.InvalidData, "column.type", c.col.Name, c.col.qualified+": "+c.from.tells()+" "+err.Error())
	}
	other, _ := numberIn(v)
	if c.from.of == fromMetadata {
		return other, nil
	}
	return other.Sub(is, other), nil
}

func (s source) tells() string {
	if s.of == fromMetadata {
		return "the difference, in its metadata,"
	}
	return "the value that the device saw"
}

// within adds, and has the sum be within the bounds. A stored value that is out of them may come nearer. Stored is nil
// for a create.
func (j *judge) within(t *table, c *counter, stored, delta *big.Rat) (*big.Rat, *writegate.Error) {
	sum := delta
	if stored != nil {
		sum = new(big.Rat).Add(stored, delta)
	}
	bound, away, reason, words := c.low, -1, reasonCounterMin, "the least value that it may have is "
	if c.low == nil || sum.Cmp(c.low) >= 0 {
		bound, away, reason, words = c.high, 1, reasonCounterMax, "the greatest value that it may have is "
	}
	switch {
	case bound == nil || sum.Cmp(bound) != away, stored != nil && delta.Sign() != away:
		return sum, nil
	case c.clamps && stored != nil && stored.Cmp(bound) == away:
		return stored, nil
	case c.clamps:
		return bound, nil
	}
	return nil, j.refuse(t, &c.message, writegate.CheckViolation, reason, c.col.qualified+": "+words+exactly(bound), nil)
}

// store makes the stored value of a sum. One that the column can't hold is refused, never cut.
func (c *counter) store(t *table, sum *big.Rat) (any, *writegate.Error) {
	var v any = json.Number(exactly(sum))
	if c.col.Type == writegate.Int && sum.IsInt() && sum.Num().IsInt64() {
		v = sum.Num().Int64()
	}
	stored, err := c.col.Convert(v)
	if err != nil {
		return nil, t.refuse(writegate.InvalidData, reasonOverflow, c.col.Name, c.col.qualified+": the sum "+err.Error())
	}
	return stored, nil
}
