package writegate

import (
	"math"
	"slices"
)

// rowKey addresses a row of the database, whatever clients call its table.
type rowKey struct {
	source string
	key    any
}

func keyOf(a *Admitted) rowKey { return rowKey{a.Table.Source, a.Key} }

// overlay holds the rows that a database transaction has read, as they will be after the changes decided so
// far, and the device's links to rows.
type overlay struct {
	rows map[rowKey]seenRow
	undo []undo
	// reactions counts the changes so far that the database may answer with changes of its own, and told those of them
	// that it was given.
	reactions, told int
	// links are those that the ledger has, made those that take their place.
	links, made map[LinkKey]Link
	// changed hears of every row whose content, or last change, is not the one of before.
	changed func(at rowKey, now seenRow)
}

// seenRow is a row, nil when it is known to be absent.
type seenRow struct {
	row Row
	// reactions is how many of them the content takes into account.
	reactions int
	// by is the number of the last change of the row, 0 when there was none.
	by int
	// made says that one of the changes created the row.
	made bool
}

// supposed is the number of a change that nobody has decided on.
const supposed = math.MaxInt

// undo takes one step back: a row's, or a link's.
type undo struct {
	at        rowKey
	row       seenRow
	reactions int
	link      LinkKey
	made      Link
	known     bool // whether there was a row or a link
}

func newOverlay() *overlay {
	return &overlay{rows: map[rowKey]seenRow{}, made: map[LinkKey]Link{}, changed: func(rowKey, seenRow) {}}
}

func (o *overlay) get(at rowKey) Row { return o.rows[at].row }

// stale reports whether the database may have changed the row since it was read.
func (o *overlay) stale(at rowKey) bool { return o.rows[at].reactions < o.reactions }

// load puts in a row as the database has it now.
func (o *overlay) load(at rowKey, row Row) {
	was := o.rows[at]
	o.set(at, seenRow{row, o.reactions, was.by, was.made})
}

// change puts in a row as it is after a change, which has a number.
func (o *overlay) change(c *Change, row Row, number int) {
	at := rowKey{c.Table.Source, c.Key}
	o.put(at, row, number, c.Verb == Insert || c.Verb == Update && o.rows[at].made)
	if slices.Contains(c.Table.Reacts, c.Verb) {
		o.reactions++
	}
}

// suppose puts in a row as it may become.
func (o *overlay) suppose(at rowKey, row Row) { o.put(at, row, supposed, false) }

func (o *overlay) put(at rowKey, row Row, by int, made bool) {
	was, known := o.rows[at]
	o.undo = append(o.undo, undo{at: at, row: was, known: known, reactions: o.reactions})
	o.set(at, seenRow{row, o.reactions, by, made})
}

func (o *overlay) set(at rowKey, now seenRow) {
	o.rows[at] = now
	o.changed(at, now)
}

// link returns the device's link to a row, and whether there is one.
func (o *overlay) link(at LinkKey) (Link, bool) {
	if l, ok := o.made[at]; ok {
		return l, true
	}
	l, ok := o.links[at]
	return l, ok
}

// remember puts in a link to a row.
func (o *overlay) remember(at LinkKey, l Link) {
	was, known := o.made[at]
	o.undo = append(o.undo, undo{link: at, made: was, known: known, reactions: o.reactions})
	o.made[at] = l
}

// keep makes all changes since the last keep or rollback final.
func (o *overlay) keep() { o.undo = o.undo[:0] }

// rollback takes them back.
func (o *overlay) rollback() { o.rollbackTo(0) }

// mark is a place to go back to.
func (o *overlay) mark() int { return len(o.undo) }

func (o *overlay) rollbackTo(mark int) {
	for _, u := range slices.Backward(o.undo[mark:]) {
		o.reactions = u.reactions
		switch {
		case u.link != LinkKey{} && u.known:
			o.made[u.link] = u.made
		case u.link != LinkKey{}:
			delete(o.made, u.link)
		default:
			if o.set(u.at, u.row); !u.known {
				delete(o.rows, u.at)
			}
		}
	}
	o.undo = o.undo[:mark]
}
