package breaker

import (
	"fmt"
	"time"
)

// operation is one that a device queued.
type operation struct {
	id               int64
	kind, table, row string
	data             map[string]any
}

const (
	put     = "PUT"
	patch   = "PATCH"
	deletes = "DELETE"
)

// transaction is a local one of a device.
type transaction struct {
	id  int64
	ops []operation
	// poison says why it has to be refused; it is empty where it has to be applied.
	poison  string
	written time.Time
	refused bool // once it is settled
}

// write queues one local transaction.
func (d *device) write() {
	d.nextTx++
	tx := &transaction{id: d.nextTx, written: time.Now()}
	switch n := d.rnd.IntN(100); {
	case n < 30:
		d.register(tx)
	case n < 42 && d.restored < 0:
		d.recreate(tx)
	case n < 60:
		d.transfer(tx)
	case n < 70:
		d.op(tx, patch, tallies, d.own(talliesEach), map[string]any{"n": d.amount()})
	case n < 86:
		d.op(tx, patch, lists, d.own(listsEach), map[string]any{"value": d.unique()})
	case n < 93:
		d.poisoned(tx)
	default:
		d.register(tx)
		d.foreign(tx)
	}
	d.queue = append(d.queue, tx)
}

func (d *device) op(tx *transaction, kind, table, row string, data map[string]any) {
	d.nextOp++
	tx.ops = append(tx.ops, operation{id: d.nextOp, kind: kind, table: table, row: row, data: data})
}

// unique is a value that nobody else ever writes.
func (d *device) unique() string {
	d.values++
	return fmt.Sprintf("%s/%d", d.id, d.values)
}

// amount is one that the device never adds again: an operation under a number that was used before, with the same content, is
// the same operation. For that reason devices that are restored delete nothing.
func (d *device) amount() int {
	d.values++
	return int(d.values)
}

// own is one of the rows that the tenant of the device has from the beginning.
func (d *device) own(n int) string { return rowOf(d.tenant, d.rnd.IntN(n)) }

// mine is one of the rows that the device made lately, which it may have deleted since.
func (d *device) mine() string {
	if d.rows == 0 {
		return d.id + "-none"
	}
	return fmt.Sprintf("%s-%d", d.id, d.rows-d.rnd.Int64N(min(d.rows, 20)))
}

// value is what a device writes into a register, with its owner as an SDK sends it in a PUT.
func (d *device) value(kind string) map[string]any {
	data := map[string]any{"value": d.unique()}
	if kind == put {
		data["owner"] = d.tenant
	}
	return data
}

// register makes a row and changes it, and a row from before.
func (d *device) register(tx *transaction) {
	d.rows++
	row := fmt.Sprintf("%s-%d", d.id, d.rows)
	d.op(tx, put, registers, row, d.value(put))
	for range d.rnd.IntN(3) {
		d.op(tx, patch, registers, row, d.value(patch))
	}
	d.op(tx, patch, registers, d.mine(), d.value(patch))
}

// recreate deletes a row, and mostly makes it again, in the same transaction or in a later one.
func (d *device) recreate(tx *transaction) {
	row := d.mine()
	d.op(tx, deletes, registers, row, nil)
	if d.rnd.IntN(4) > 0 {
		d.op(tx, put, registers, row, d.value(put))
	}
	other := d.mine()
	d.op(tx, put, registers, other, d.value(put))
}

// transfer moves money between two accounts of the tenant.
func (d *device) transfer(tx *transaction) {
	from := d.rnd.IntN(accountsEach)
	to := (from + 1 + d.rnd.IntN(accountsEach-1)) % accountsEach
	amount := d.amount()
	d.op(tx, patch, accounts, rowOf(d.tenant, from), map[string]any{"balance": -amount})
	d.op(tx, patch, accounts, rowOf(d.tenant, to), map[string]any{"balance": amount})
}

// poisoned is a transaction of good operations, and one among them that the policy or the database refuses.
func (d *device) poisoned(tx *transaction) {
	place := d.rnd.IntN(3)
	for i := range 3 {
		switch {
		case i == place:
			d.poison(tx)
		case d.rnd.IntN(2) == 0:
			d.transfer(tx)
		default:
			d.op(tx, patch, registers, d.mine(), d.value(patch))
		}
	}
}

func (d *device) poison(tx *transaction) {
	switch d.rnd.IntN(4) {
	case 0:
		tx.poison = "unknown column"
		d.op(tx, put, registers, d.mine(), map[string]any{"value": d.unique(), "owner": d.tenant, "secret": "x"})
	case 1:
		tx.poison = "row for somebody else"
		d.op(tx, put, registers, d.id+"-given", map[string]any{"value": d.unique(), "owner": victim})
	case 2:
		tx.poison = "row of somebody else"
		d.op(tx, put, registers, rowOf(victim, 0), d.value(put))
	case 3:
		tx.poison = "taken badge"
		d.op(tx, put, badges, d.unique(), map[string]any{"owner": d.tenant, "badge": taken})
	}
}

// foreign changes rows that the device must not know of: it is told that there are none.
func (d *device) foreign(tx *transaction) {
	whose := victim
	if len(d.others) > 0 && d.rnd.IntN(2) == 0 {
		whose = d.others[d.rnd.IntN(len(d.others))]
	}
	what := d.rnd.IntN(4)
	switch {
	case what == 0 || what == 1 && d.restored >= 0:
		d.op(tx, patch, registers, rowOf(victim, 0), map[string]any{"value": d.unique()})
	case what == 1:
		d.op(tx, deletes, registers, rowOf(victim, 0), nil)
	case what == 2:
		d.op(tx, patch, accounts, rowOf(whose, 0), map[string]any{"balance": 1_000_000 + d.amount()})
	default:
		d.op(tx, patch, lists, rowOf(whose, 0), map[string]any{"value": d.unique()})
	}
}

// restore has the device count from an earlier number again, as one does whose file came back from a backup: the same
// numbers name other operations then.
func (d *device) restore() {
	d.nextOp -= restoreAfter / 3
	d.backup = d.nextOp
	d.restored++
}
