package sqlserver

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strconv"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// mergeFrom is how many like changes in a row make one statement over a set; fewer travel one by one.
const mergeFrom = 10

// made is what one statement changes. Index is the change's, -1 for a set of them. First and last are the lines of
// the statement in its batch.
type made struct {
	index       int
	changes     []writegate.Change
	first, last int
}

// Write implements [writegate.Tx]. Changes travel with the next Load, with Settle or before the commit. With Blame
// each travels alone, so that there is no doubt about which one an error is.
func (t *tx) Write(ctx context.Context, changes []writegate.Change) error {
	if t.failed != nil {
		return t.failed
	}
	for len(changes) > 0 {
		n := 1
		if !t.blame {
			n = likeness(changes)
		}
		if n < mergeFrom {
			n = 1
		}
		if err := t.make(ctx, changes[:n]); err != nil {
			return err
		}
		changes = changes[n:]
	}
	return nil
}

// make adds one statement for like changes.
func (t *tx) make(ctx context.Context, changes []writegate.Change) error {
	params := 1
	if len(changes) == 1 {
		params += len(changes[0].Set) + len(driverOf(changes[0].Table).key)
	}
	if err := t.room(ctx, params); err != nil {
		return err
	}
	if err := t.introduce(); err != nil {
		return err
	}
	m := made{index: t.given, changes: changes}
	if len(changes) > 1 {
		m.index = -1
	}
	b := t.now()
	if counts([]made{m}) && !counts(t.made) {
		b.add("DECLARE @w TABLE ([i] int NOT NULL)")
	}
	m.first = b.lines + 1
	if err := b.write(len(t.made), changes); err != nil {
		return t.fail(err)
	}
	m.last = b.lines
	t.made, t.given = append(t.made, m), t.given+len(changes)
	if t.blame {
		return t.flush(ctx)
	}
	return nil
}

// likeness counts the changes at the start that one statement can make: the same verb, table and columns, no row
// twice, and nothing that is only exact in a statement of its own.
func likeness(changes []writegate.Change) int {
	first := &changes[0]
	if first.Verb == writegate.Update && len(first.Set) == 0 || alone(first) {
		return 1
	}
	return applier.Alike(changes, func(i int, c *writegate.Change) bool { return i < maxRows && !alone(c) })
}

// alone tells changes with a value that has to be sent as it is.
func alone(c *writegate.Change) bool {
	own := driverOf(c.Table)
	for name, v := range c.Set {
		if codec := own.columns[name].codec; v != nil && codec.alone != nil && codec.alone(v) {
			return true
		}
	}
	return false
}

// counts tells whether rows have to be counted: those of updates, which must find theirs.
func counts(all []made) bool {
	return slices.ContainsFunc(all, func(m made) bool { return m.changes[0].Verb == writegate.Update })
}

// write adds the statement that makes like changes. Place counts the statements of the batch.
func (b *batch) write(place int, changes []writegate.Change) error {
	first := &changes[0]
	w := writer{batch: b, own: driverOf(first.Table), place: place, columns: slices.Sorted(maps.Keys(first.Set))}
	if len(changes) == 1 {
		w.one(first)
		return nil
	}
	return w.set(changes)
}

// writer makes one statement over a table.
type writer struct {
	*batch
	own     *table
	place   int
	columns []string // sorted, by the names of clients
}

// output counts the rows of an update: triggers and settings of the session have no say in it.
func (w *writer) output() string { return " OUTPUT " + strconv.Itoa(w.place) + " INTO @w ([i])" }

// rowLock keeps the server from locking pages. A view may not take the hint.
func (w *writer) rowLock() string {
	if w.own.seek {
		return " WITH (ROWLOCK)"
	}
	return ""
}

// names lists the columns of an insert.
func (w *writer) names() string {
	list := make([]string, 0, len(w.own.key)+len(w.columns))
	for _, c := range w.own.key {
		list = append(list, c.quoted)
	}
	for _, name := range w.columns {
		list = append(list, w.own.columns[name].quoted)
	}
	return strings.Join(list, ", ")
}

func (w *writer) assignments(value func(i int) string) string {
	list := make([]string, len(w.columns))
	for i, name := range w.columns {
		list[i] = w.own.columns[name].quoted + " = " + value(i)
	}
	return strings.Join(list, ", ")
}

// one makes a statement with a parameter for each value. A null is written out: a parameter without a value has
// no type that suits every column.
func (w *writer) one(c *writegate.Change) {
	var keys []string
	for _, text := range w.own.keyTexts(c.Table, c.Key) {
		keys = append(keys, w.text(text))
	}
	key := func(i int) string { return keys[i] }
	values := make([]string, len(w.columns))
	for i, name := range w.columns {
		values[i] = w.single(w.own.columns[name].codec, c.Set[name])
	}
	value := func(i int) string { return values[i] }
	switch c.Verb {
	case writegate.Insert:
		list := make([]string, 0, len(keys)+len(values))
		for i, k := range w.own.key {
			list = append(list, k.codec.exact(keys[i]))
		}
		w.add("INSERT INTO " + w.own.quoted + " (" + w.names() + ") VALUES (" + strings.Join(append(list, values...), ", ") + ")")
	case writegate.Update:
		if len(values) == 0 { // nothing but the question whether the row is there
			w.add("INSERT INTO @w ([i]) SELECT " + strconv.Itoa(w.place) + " FROM " + w.own.quoted + " AS [t]" + w.own.hints(writegate.ForUpdate) + " WHERE " + w.own.match("[t].", key, false))
			return
		}
		w.add("UPDATE " + w.own.quoted + w.rowLock() + " SET " + w.assignments(value) + w.output() + " WHERE " + w.own.match("", key, false))
	case writegate.Remove:
		w.add("DELETE FROM " + w.own.quoted + w.rowLock() + " WHERE " + w.own.match("", key, false))
	}
}

// single is the expression for one value.
func (w *writer) single(c *codec, v any) string {
	switch {
	case v == nil:
		return "NULL"
	case c.alone != nil && c.alone(v):
		return w.value(v)
	}
	return c.expr(w.text(c.textOf(v)))
}

// set makes a statement with one parameter: a row of JSON for each change.
func (w *writer) set(changes []writegate.Change) error {
	first := &changes[0]
	set := make([]map[string]any, len(changes))
	for i := range changes {
		set[i] = make(map[string]any, len(w.own.key)+len(w.columns))
		w.own.putKey(set[i], first.Table, changes[i].Key)
		for j, name := range w.columns {
			if v := changes[i].Set[name]; v != nil { // what is absent is null
				set[i]["c"+strconv.Itoa(j)] = w.own.columns[name].codec.textOf(v)
			}
		}
	}
	source, err := w.rows(set, len(w.own.key), len(w.columns))
	if err != nil {
		return err
	}
	value := func(i int) string {
		return w.own.columns[w.columns[i]].codec.expr("[j].[c" + strconv.Itoa(i) + "]")
	}
	join := "\nFROM " + source + "\nINNER JOIN " + w.own.quoted + " AS [t]" + w.rowLock() + " ON " + w.own.match("[t].", jsonField, false) + w.own.plan()
	switch first.Verb {
	case writegate.Insert:
		list := make([]string, 0, len(w.own.key)+len(w.columns))
		for i, k := range w.own.key {
			list = append(list, k.codec.exact(jsonField(i)))
		}
		for i := range w.columns {
			list = append(list, value(i))
		}
		w.add("INSERT INTO " + w.own.quoted + " (" + w.names() + ")\nSELECT " + strings.Join(list, ", ") + "\nFROM " + source)
	case writegate.Update:
		w.add("UPDATE [t] SET " + w.assignments(value) + w.output() + join)
	case writegate.Remove:
		w.add("DELETE [t]" + join)
	}
	return nil
}

// countRows tells which updates found fewer rows than they should have.
func countRows(all []made, missed []bool) func(*sql.Rows) error {
	for i, m := range all {
		missed[i] = m.changes[0].Verb == writegate.Update
	}
	var place, n int
	return each(func() error {
		missed[place] = n < len(all[place].changes)
		return nil
	}, &place, &n)
}
