package sqlserver

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"writegate"
	"writegate/internal/applier"
)

// blameFor makes the error of a batch that changes rows. The server says in which line the statement begins that
// is to blame. Where it names another place, such as a line of a trigger, and there are several statements, nobody
// is to blame, and the caller asks again with Blame.
func (t *tx) blameFor(ctx context.Context, err error, all []made) error {
	v, guilty := judge(err)
	if guilty == nil || v.class != writegate.Refused {
		return classify(err)
	}
	if m := t.madeAt(guilty, all); m != nil {
		all = []made{*m}
	}
	switch {
	case isDuplicate(err) && t.ownDuplicate(guilty):
		return &writegate.Error{Class: writegate.Rerun, Code: writegate.Conflict, Message: "The write met another one; it is worth trying again.", Cause: err}
	case len(all) == 0:
		return classify(err)
	case len(all) > 1:
		return &writegate.ChangeError{Index: -1, Err: classify(err)}
	}
	m := &all[0]
	if isDuplicate(err) {
		if e := t.collision(ctx, err, guilty, m); e != nil {
			return e
		}
	}
	return &writegate.ChangeError{Index: m.index, Err: explain(err, v, guilty, &m.changes[0])}
}

// madeAt returns the statement that an error of the server is about, nil when it does not say. Babelfish counts lines
// in its own way.
func (t *tx) madeAt(e *mssql.Error, all []made) *made {
	if e.ProcName != "" || t.db.server.babelfish != "" {
		return nil
	}
	for i, m := range all {
		if line := int(e.LineNo); line >= m.first && line <= m.last {
			return &all[i]
		}
	}
	return nil
}

// ownDuplicate tells a duplicate in our own tables: two uploads that came at once, of which the second finds the
// row of the first when it runs again. PostgreSQL's message has no table, so there the name of the index tells.
func (t *tx) ownDuplicate(e *mssql.Error) bool {
	m := mentioned(e.Number, e.Message)
	if m.table == "" {
		return strings.HasPrefix(folded(m.name), "writegate_")
	}
	return strings.HasPrefix(m.table, t.db.cfg.Schema+".writegate_")
}

// collision explains a duplicate of an insert that may be about the row's key, nil when it is not. Where the message
// names the index of the key and the key has one form only, the row is there, or was: a race. Else the database is
// asked what it has: of a view nobody knows the indexes, and an index may be newer than what the driver knows.
func (t *tx) collision(ctx context.Context, err error, e *mssql.Error, m *made) error {
	first := &m.changes[0]
	own, said := driverOf(first.Table), mentioned(e.Number, e.Message)
	if first.Verb != writegate.Insert || said.elsewhere(first.Table) {
		return nil
	}
	index := said.of(first.Table, maps.Keys(own.indexes))
	onKey := own.keyIndexes[index]
	if index != "" && !onKey {
		return nil
	}
	letters := slices.ContainsFunc(own.key, func(c *column) bool { return c.codec.letters })
	if onKey && !letters {
		return applier.Race(m.index, err)
	}
	switch same, others, failed := t.lookAgain(ctx, m); {
	case failed != nil && !onKey:
		return classify(failed)
	case others > 0:
		return &writegate.ChangeError{Index: m.index, Err: twin(err, first.Table)}
	case same > 0 || onKey:
		return applier.Race(m.index, err)
	}
	return nil
}

// explain makes the error of a change that was refused. What it says names tables and columns of the configuration
// and nothing else; the server's message is searched for their names only.
func explain(err error, v verdict, e *mssql.Error, change *writegate.Change) *writegate.Error {
	t := change.Table
	own := driverOf(t)
	said := mentioned(e.Number, e.Message)
	var columns []string
	switch e.Number {
	case numberDuplicate, numberUnique:
		columns = own.indexes[said.of(t, maps.Keys(own.indexes))]
	case numberConstraint:
		v, columns = constrained(own.constraints[said.of(t, maps.Keys(own.constraints))], v, change.Verb)
	case numberNotNull, numberTruncated:
		columns = said.column(t)
	}
	out := &writegate.Error{Class: writegate.Refused, Code: v.code, Reason: v.reason, Table: t.Name, Cause: err}
	if len(columns) == 1 {
		out.Column = columns[0]
	}
	out.Message = fmt.Sprintf("%s: %s.", writegate.Place(t.Name, columns), v.text)
	return out
}

// constrained tells foreign keys from checks, which have one number.
func constrained(c constraint, v verdict, verb writegate.Verb) (verdict, []string) {
	switch {
	case c.kind == "check":
		return verdict{v.class, writegate.CheckViolation, "", "does not meet a check of the database"}, c.columns
	case c.kind == "foreign" && verb != writegate.Remove:
		return verdict{v.class, writegate.ForeignKeyViolation, "", "the row it refers to does not exist"}, c.columns
	case c.kind != "" || verb == writegate.Remove:
		return verdict{v.class, writegate.ForeignKeyViolation, "", "other rows still refer to it"}, nil
	}
	return v, nil
}

// source is the database's name of the column.
func (c *column) source() string {
	return strings.ReplaceAll(c.quoted[1:len(c.quoted)-1], "]]", "]")
}

// twin refuses a key that the database takes for that of another row.
func twin(err error, t *writegate.Table) *writegate.Error {
	e := writegate.Refuse(writegate.UniqueViolation, "", t.Name+": the database takes the id for that of another row.")
	e.Table, e.Cause = t.Name, err
	if len(t.Parts) == 0 {
		e.Column = t.Key
		e.Message = t.Name + "." + t.Key + ": the database takes the id for that of another row."
	}
	return e
}

// lookAgain counts the rows that have the keys of an insert, and others that the index takes for the same: those
// that differ in case, in accents or in blanks at the end. Nobody would ever find them by the key, so it is no race.
// The transaction is over anyway.
func (t *tx) lookAgain(ctx context.Context, m *made) (same, others int, err error) {
	own := driverOf(m.changes[0].Table)
	t.rollback(ctx)
	set := make([]map[string]any, len(m.changes))
	for i := range m.changes {
		set[i] = map[string]any{}
		own.putKey(set[i], m.changes[i].Table, m.changes[i].Key)
	}
	b := &batch{}
	source, err := b.rows(set, len(own.key), 0)
	if err != nil {
		return 0, 0, err
	}
	exact := "CASE WHEN " + own.match("[t].", jsonField, false) + " THEN 1 ELSE 0 END"
	b.add("SELECT COALESCE(SUM(" + exact + "), 0) AS [writegate], COUNT(*) FROM " + source + "\nINNER JOIN " + own.quoted + " AS [t] ON " + own.match("[t].", jsonField, true))
	b.result(one(&same, &others))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := b.run(ctx, t.conn); err != nil {
		return 0, 0, err
	}
	return same, others - same, nil
}
