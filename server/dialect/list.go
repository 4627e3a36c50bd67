package dialect

import "writegate"

// list gathers the transactions of one JSON array.
type list struct {
	name         Name
	transactions []writegate.Transaction
	elements     int
	usable       bool // at least one element is an object
	open         bool // the last transaction may take more operations
	faulty       bool // all operations of the open transaction are faulty and without number
}

// list reads the array that comes next.
func (d *decoder) list(name Name, level int) (*list, error) {
	l := &list{name: name}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	for k := d.PeekKind(); k != ']' && k != 0; k = d.PeekKind() {
		l.elements++
		if err := d.element(l, level); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return l, err
}

// add appends an operation of a flat list. Neighbours with the same transaction number are one
// transaction. One that could not be read and has no number stays with its neighbours, so that it does not
// tear their transaction apart.
func (l *list) add(op writegate.Op, tx int64) {
	n := len(l.transactions)
	lost := op.Fault != nil && tx == 0
	if !l.open || l.transactions[n-1].ID != tx && !lost && !l.faulty {
		l.transactions = append(l.transactions, writegate.Transaction{ID: tx})
		l.open, l.faulty = true, true
		n++
	}
	t := &l.transactions[n-1]
	if t.ID == 0 {
		t.ID = tx
	}
	l.faulty = l.faulty && lost
	t.Ops = append(t.Ops, op)
}

// whole appends a transaction that takes no more operations.
func (l *list) whole(id int64, ops []writegate.Op) {
	l.transactions = append(l.transactions, writegate.Transaction{ID: id, Ops: ops})
	l.open = false
}

// adopt appends a list as one transaction. Without a number it takes the first one in the list.
func (l *list) adopt(id int64, inner *list) {
	if id == 0 && len(inner.transactions) > 0 {
		id = inner.transactions[0].ID
	}
	l.whole(id, inner.ops())
}

// ops returns the operations of all transactions.
func (l *list) ops() []writegate.Op {
	if len(l.transactions) == 1 {
		return l.transactions[0].Ops
	}
	var ops []writegate.Op
	for _, t := range l.transactions {
		ops = append(ops, t.Ops...)
	}
	return ops
}

// join makes one transaction of a flat list whose envelope has a transaction number.
func (l *list) join(id int64) {
	l.transactions = []writegate.Transaction{{ID: id, Ops: l.ops()}}
}
