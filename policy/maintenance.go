package policy

import (
	"slices"
	"time"

	"writegate"
	"writegate/policy/internal/near"
	"writegate/policy/internal/tree"
)

// closureSpec is what maintenance: says.
type closureSpec struct {
	all               bool
	tables, databases []word
	after             time.Duration
}

// closure is what nobody may write for now.
type closure struct {
	all    bool
	tables map[string]bool
	after  time.Duration
}

const (
	usualClosure   = time.Minute
	longestClosure = time.Hour
	// mainDatabase is what routes call the one where tables are that have no route.
	mainDatabase = "main"
)

// maintenance reads what is closed.
func (r *reader) maintenance(into *closureSpec) func(*tree.Node) {
	const path = "maintenance"
	return func(n *tree.Node) {
		into.after = usualClosure
		r.keys(n, path, map[string]func(*tree.Node){
			"all":       r.boolean(path+".all", &into.all),
			"tables":    r.some(path+".tables", &into.tables),
			"databases": r.some(path+".databases", &into.databases),
			"retry_after": func(n *tree.Node) {
				r.atLeast(path+".retry_after", time.Second, &into.after)(n)
				if into.after > longestClosure {
					r.fault(n.Pos, path+".retry_after", "", "expected at most %s: devices would not notice the end of it", spell(longestClosure))
				}
			},
		})
		switch {
		case n.Kind != tree.Map:
		case n.Get("all") == nil && n.Get("tables") == nil && n.Get("databases") == nil:
			r.fault(n.Pos, path, "", "it says nothing about what is closed; it needs tables:, databases: or all:")
		case into.all && len(into.tables)+len(into.databases) > 0:
			r.fault(n.Pos, path, "", "all: true closes everything; leave out tables: and databases:, or all:")
		}
	}
}

// Opened is the same policy with nothing closed for maintenance, so that its rules can be tried.
func (s *Source) Opened() *Source {
	open, says := *s, *s.spec
	says.closure = closureSpec{}
	open.spec = &says
	return &open
}

// closure binds maintenance:.
func (b *binder) closure(s *closureSpec) closure {
	out := closure{all: s.all, tables: map[string]bool{}, after: s.after}
	names := make([]string, len(b.tables))
	for i := range b.tables {
		names[i] = b.tables[i].name.text
	}
	for _, w := range s.tables {
		if out.tables[w.text] = true; !slices.Contains(names, w.text) {
			b.fault(w.pos, "maintenance.tables", "P100", "the policy has no table %s%s", w.text, near.Hint(w.text, names))
		}
	}
	for _, w := range s.databases {
		found := false
		for _, name := range names {
			meta := b.schema[name]
			if meta != nil && (meta.Database == w.text || meta.Database == "" && w.text == mainDatabase) {
				out.tables[name], found = true, true
			}
		}
		if !found {
			b.warn(w.pos, "maintenance.databases", "P210", "no table of the policy is in a database %s, so nothing is closed by it", w.text)
		}
	}
	return out
}

// closed is why an operation has to wait, nil when it has not.
func (c *closure) closed(op *writegate.Op) *writegate.Error {
	e := &writegate.Error{Class: writegate.Retry, Code: writegate.Unavailable, Reason: writegate.ReasonMaintenance, RetryAfter: c.after}
	what := "Everything"
	switch {
	case c.all:
	case c.tables[op.Table]:
		e.Table, what = op.Table, "The table "+op.Table
	default:
		return nil
	}
	e.Message = what + " is closed for maintenance; the upload is worth sending again later."
	return e
}
