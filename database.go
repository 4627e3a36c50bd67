package writegate

import (
	"fmt"
	"slices"
)

// database is one of those that a pipeline writes to.
type database struct {
	Applier
	name       string
	ledgerless bool
	limit      limit
}

func (p *Pipeline) add(name string, db Applier) *database {
	o := p.opt
	d := &database{Applier: db, name: name, ledgerless: slices.Contains(o.Ledgerless, name), limit: limit{now: o.ChunkOps, most: o.ChunkOps, time: o.ChunkTime}}
	p.databases[name] = d
	return d
}

// route returns the database that has a table. It goes by the name alone, so that what comes again finds the
// ledger it was settled in.
func (p *Pipeline) route(table string) *database { return p.databases[p.opt.Routes[table]] }

// home is the database that operations are settled in together: that of the first one.
func (p *Pipeline) home(ops []Op) *database {
	if len(ops) == 0 {
		return p.first
	}
	return p.route(ops[0].Table)
}

// spans refuses an operation whose table is in another database than that of the first one of its transaction.
// No two databases commit together, so half of such a transaction could be lost.
func spans(first, op *Op) *Error {
	e := Refuse(ConstraintViolation, "transaction.spans", fmt.Sprintf("The tables %q and %q are in different databases: one transaction can't write to both. "+
		"Write to them in transactions of their own.", first.Table, op.Table))
	e.Table = op.Table
	return e
}
