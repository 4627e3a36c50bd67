package policytest

import (
	"context"
	"slices"
	"strings"

	"writegate"
)

// counting is a database that notes what is asked of it.
type counting struct {
	writegate.Applier
	steps []Step
	place map[Step]int // of a step by all of it but the numbers
}

// Step is what an upload asks of one table or lookup.
type Step struct {
	// Kind is claim, read, find, write or settle.
	Kind string `json:"kind"`
	// Name is the table, or the lookup, empty for our own tables.
	Name string `json:"name,omitempty"`
	// About says more: the table of a lookup, the verb of a write.
	About string `json:"about,omitempty"`
	// Lock is what is locked of the rows.
	Lock string `json:"lock,omitempty"`
	// Rows counts keys, questions or changes.
	Rows int `json:"rows,omitempty"`
	// Statements counts the statements. Like changes behind one another are one statement, as far as a driver can.
	Statements int `json:"statements"`
}

func (c *counting) note(kind, name, about, lock string, rows int) {
	at := Step{Kind: kind, Name: name, About: about, Lock: lock}
	i, known := c.place[at]
	if !known {
		i = len(c.steps)
		c.place[at] = i
		c.steps = append(c.steps, at)
	}
	c.steps[i].Rows += rows
	c.steps[i].Statements++
}

// InTx notes what fn does. A database that runs it again starts the notes again.
func (c *counting) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	before := slices.Clone(c.steps)
	return c.Applier.InTx(ctx, caller, func(tx writegate.Tx) error {
		c.steps, c.place = slices.Clone(before), map[Step]int{}
		for i, s := range c.steps {
			c.place[Step{Kind: s.Kind, Name: s.Name, About: s.About, Lock: s.Lock}] = i
		}
		return fn(&countingTx{Tx: tx, to: c})
	})
}

type countingTx struct {
	writegate.Tx
	to *counting
}

func (t *countingTx) Claim(ctx context.Context, claim writegate.Claim) (writegate.Claimed, error) {
	t.to.note("claim", "", "the ledger of the device", locks[writegate.ForUpdate], 0)
	return t.Tx.Claim(ctx, claim)
}

var locks = map[writegate.Lock]string{writegate.Unlocked: "", writegate.ForShare: "for share", writegate.ForUpdate: "for update"}

func (t *countingTx) Load(ctx context.Context, reads []writegate.Read) ([]map[any]writegate.Row, error) {
	for _, r := range reads {
		t.to.note("read", r.Table.Name, "", locks[r.Lock], len(r.Keys))
	}
	return t.Tx.Load(ctx, reads)
}

func (t *countingTx) Find(ctx context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	for _, f := range finds {
		t.to.note("find", f.Name, f.Table.Name, locks[f.Lock], len(f.Values))
	}
	return t.Tx.Find(ctx, finds)
}

var verbs = map[writegate.Verb]string{writegate.Insert: "insert", writegate.Update: "update", writegate.Remove: "delete"}

func (t *countingTx) Write(ctx context.Context, changes []writegate.Change) error {
	for rest := changes; len(rest) > 0; {
		n := 1
		for n < len(rest) && like(&rest[0], &rest[n]) {
			n++
		}
		t.to.note("write", rest[0].Table.Name, verbs[rest[0].Verb], "", n)
		rest = rest[n:]
	}
	return t.Tx.Write(ctx, changes)
}

func like(a, b *writegate.Change) bool {
	if a.Verb != b.Verb || a.Table != b.Table || len(a.Set) != len(b.Set) {
		return false
	}
	for name := range a.Set {
		if _, ok := b.Set[name]; !ok {
			return false
		}
	}
	return true
}

func (t *countingTx) Settle(ctx context.Context, s writegate.Settlement) error {
	var kept []string
	if len(s.Refusals) > 0 {
		kept = append(kept, "refusals")
	}
	if len(s.DeadLetters) > 0 {
		kept = append(kept, "dead letters")
	}
	t.to.note("settle", "", strings.Join(append([]string{"the ledger"}, kept...), ", "), "", 0)
	return t.Tx.Settle(ctx, s)
}
