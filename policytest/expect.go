package policytest

import (
	"maps"
	"slices"
	"strings"

	"writegate/policy"
)

// The words for what becomes of an operation.
const (
	Allow    = "allow"
	Noop     = "noop"
	Reject   = "reject"   // refused, and settled
	Conflict = "conflict" // refused because somebody else changed the row meanwhile
	Aborted  = "aborted"  // refused because another operation of the transaction was
	Retry    = "retry"    // not settled; the device sends it again
)

// outcomes are the words that a file may expect, and what they stand for. Where a refusal is kept is not looked at.
var outcomes = map[string]string{
	Allow: Allow, Noop: Noop, Reject: Reject, Conflict: Conflict, Aborted: Aborted, Retry: Retry, "dead_letter": Reject,
}

// wantKeys are the keys of an expectation.
var wantKeys = map[string]func(*want) *string{
	"outcome": func(w *want) *string { return &w.outcome },
	"code":    func(w *want) *string { return &w.code },
	"rule":    func(w *want) *string { return &w.rule },
	"field":   func(w *want) *string { return &w.field },
	"message": func(w *want) *string { return &w.message },
	"row":     nil,
}

// expect reads one expectation for all users, or one for each.
func (r *reader) expect(n *policy.Node, c *Case, batch bool) map[string]expect {
	out := map[string]expect{}
	if !byUser(n) {
		all := r.answer(n, c, batch)
		for _, user := range c.As {
			out[user] = all
		}
		return out
	}
	for _, f := range n.Fields {
		if !slices.Contains(c.As, f.Name) {
			r.faultAt(Place{f.Pos.Line, f.Pos.Column}, "tests.expect", "%q is neither a user of as: nor one of the keys %s", f.Name, strings.Join(slices.Sorted(maps.Keys(wantKeys)), ", "))
			continue
		}
		out[f.Name] = r.answer(f.Value, c, batch)
	}
	for _, user := range c.As {
		if _, ok := out[user]; !ok {
			r.fault(n, "tests.expect", "nothing is expected for %s", user)
		}
	}
	return out
}

// byUser tells whether a node has users for keys, and not what is expected.
func byUser(n *policy.Node) bool {
	return n.Kind == policy.NodeMap && !slices.ContainsFunc(n.Fields, func(f policy.NodeField) bool {
		_, key := wantKeys[f.Name]
		return key
	})
}

// answer reads what is expected of a transaction, or in a list of each of its operations.
func (r *reader) answer(n *policy.Node, c *Case, batch bool) expect {
	if n.Kind != policy.NodeList {
		w := r.want(n)
		if batch && (w.row != nil || w.gone) {
			r.faultAt(w.rowAt, "tests.expect", "a row belongs to one operation: give expect: a list, with one entry for each of the batch")
		}
		return expect{whole: &w}
	}
	if !batch || len(n.Items) != len(c.Ops) {
		r.fault(n, "tests.expect", "a list has one entry for each operation of batch:")
	}
	e := expect{each: make([]want, len(n.Items))}
	for i, item := range n.Items {
		e.each[i] = r.want(item)
	}
	return e
}

// want reads a word, or keys.
func (r *reader) want(n *policy.Node) want {
	w := want{at: placeOf(n)}
	if n.Kind == policy.NodeScalar {
		w.outcome = r.outcome(n)
		return w
	}
	known := map[string]func(*policy.Node){}
	for key, field := range wantKeys {
		if field != nil {
			known[key] = r.text("tests.expect."+key, field(&w))
		}
	}
	known["outcome"] = func(n *policy.Node) { w.outcome = r.outcome(n) }
	known["row"] = func(n *policy.Node) {
		w.rowAt = placeOf(n)
		if w.gone = n.Kind == policy.NodeNull; !w.gone {
			w.row = r.cells(n, "tests.expect.row")
		}
	}
	r.keys(n, "tests.expect", known)
	if n.Kind == policy.NodeMap && len(n.Fields) == 0 {
		r.fault(n, "tests.expect", "nothing is expected")
	}
	return w
}

func (r *reader) outcome(n *policy.Node) string {
	word, ok := outcomes[n.Text]
	if n.Kind != policy.NodeScalar || !ok {
		r.fault(n, "tests.expect", "expected one of %s", strings.Join(slices.Sorted(maps.Keys(outcomes)), ", "))
	}
	return word
}
