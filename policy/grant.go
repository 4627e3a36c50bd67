package policy

import (
	"writegate"
	"writegate/policy/internal/expr"
)

// playing collects the rules whose role holds, where there is no stored row to ask about.
func (j *judge) playing(rules []*rule) {
	j.grants = j.grants[:0]
	for _, r := range rules {
		if j.plays(r.to) {
			j.grants = append(j.grants, r)
		}
	}
}

// granted collects the rules whose role and old side hold, as far as the first that can't be decided.
func (j *judge) granted(rules []*rule) (expr.Answer, error) {
	j.grants = j.grants[:0]
	var cause error
	for _, r := range rules {
		if !j.plays(r.to) {
			continue
		}
		switch answer, err := test(r.old, j.vars); answer {
		case expr.Yes:
			j.grants = append(j.grants, r)
		case expr.Unknown:
			return expr.Unknown, nil
		default:
			cause = first(cause, err)
		}
	}
	if len(j.grants) > 0 {
		return expr.Yes, nil
	}
	return expr.No, cause
}

// seen reports whether the caller may know that the stored row exists: it is visible or, where nothing says what that is,
// the old side of some rule holds.
func (j *judge) seen(t *table) expr.Answer {
	if t.visible != nil {
		answer, _ := t.visible.Test(j.vars) // a condition that fails shows nothing
		return answer
	}
	for _, rules := range [][]*rule{t.updates, t.removes, t.undeletes} {
		if answer, _ := j.granted(rules); answer != expr.No {
			return answer
		}
	}
	return expr.No
}

// plays reports whether the caller has one of the roles. No role is anybody's.
func (j *judge) plays(roles []int) bool {
	for _, role := range roles {
		if j.roles[role] {
			return true
		}
	}
	return len(roles) == 0
}

// test runs a condition; one that is not there holds.
func test(p *expr.Program, v *expr.Vars) (expr.Answer, error) {
	if p == nil {
		return expr.Yes, nil
	}
	return p.Test(v)
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// hearing gathers why no grant holds.
type hearing struct {
	lacking string   // the first column, by name, that some grant for the resulting row does not list
	message *message // of the first grant that has one and does not hold for the resulting row
	state   *writegate.Decision
	cause   error
}

// holds asks a grant for the resulting row, and then for the columns that the client wants to change.
func (j *judge) holds(r *rule, side *expr.Program, want []string, h *hearing) expr.Answer {
	answer, err := test(side, j.vars)
	if answer != expr.Yes {
		if h.cause = first(h.cause, err); h.message == nil {
			h.message = r.message
		}
		return answer
	}
	for _, name := range want {
		if r.columns[name] {
			continue
		}
		if answer = expr.No; h.lacking == "" || name < h.lacking {
			h.lacking = name
		}
	}
	return answer
}

// deny says why no grant holds, as far as the caller may know.
func (j *judge) deny(t *table, h *hearing) *writegate.Decision {
	d := t.notWritable(h.cause)
	switch {
	case h.state != nil:
		return h.state
	case h.lacking != "":
		d.Refusal = t.forbidden(t.columns[h.lacking])
	case h.message != nil:
		d.Refusal = j.refuse(t, h.message, writegate.Unauthorized, d.Refusal.Reason, d.Refusal.Message, h.cause)
	}
	return &d
}
