package sqlserver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"writegate"
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
	if isDuplicate(err) && t.ownDuplicate(guilty) {
		return &writegate.Error{Class: writegate.Rerun, Code: writegate.Conflict, Message: "The write met another one; it is worth trying again.", Cause: err}
	}
	if len(all) == 0 {
		return classify(err)
	}
	m := made{index: -1}
	if len(all) == 1 {
		m = all[0]
	}
	if isDuplicate(err) {
		if of := keyTaken(guilty, all); of != nil {
			same, others := t.lookAgain(ctx, of)
			if others > 0 {
				return &writegate.ChangeError{Index: m.index, Err: twin(err, of.changes[0].Table)}
			}
			if same > 0 || driverOf(of.changes[0].Table).seek {
				return race(m.index, err)
			}
		}
	}
	if len(m.changes) == 0 {
		return &writegate.ChangeError{Index: -1, Err: classify(err)}
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
// row of the first when it runs again.
func (t *tx) ownDuplicate(e *mssql.Error) bool {
	text, _, _ := strings.Cut(e.Message, duplicateValue)
	return strings.Contains(text, "'"+t.db.cfg.Schema+".writegate_")
}

// duplicateValue is where a message begins to tell values.
const duplicateValue = " The duplicate key value is "

// keyTaken returns the insert whose key another row has already, where the index that the message names is over
// the key alone. Of a view nobody knows the indexes, so the key may be it.
func keyTaken(e *mssql.Error, all []made) *made {
	text, _, _ := strings.Cut(e.Message, duplicateValue)
	for i, m := range all {
		if m.changes[0].Verb != writegate.Insert {
			continue
		}
		own := driverOf(m.changes[0].Table)
		if !own.seek {
			return &all[i]
		}
		for name := range own.keyIndexes {
			if strings.Contains(text, "'"+name+"'") && strings.Contains(text, "'"+m.changes[0].Table.Source+"'") {
				return &all[i]
			}
		}
	}
	return nil
}

// explain makes the error of a change that was refused. What it says names tables and columns of the configuration
// and nothing else; the server's message is searched for their names only.
func explain(err error, v verdict, e *mssql.Error, change *writegate.Change) *writegate.Error {
	t := change.Table
	own := driverOf(t)
	var columns []string
	switch e.Number {
	case numberDuplicate, numberUnique:
		text, _, _ := strings.Cut(e.Message, duplicateValue)
		columns = named(text, "'", own.indexes)
	case numberConstraint:
		v, columns = constrained(e.Message, v, own, change)
	case numberNotNull:
		for _, c := range own.columns {
			if strings.Contains(e.Message, "column '"+c.source()+"', table '") {
				columns = []string{c.name}
			}
		}
	case 2628:
		text, _, _ := strings.Cut(e.Message, "Truncated value:")
		for _, c := range own.columns {
			if strings.Contains(text, ", column '"+c.source()+"'.") {
				columns = []string{c.name}
			}
		}
	}
	out := &writegate.Error{Class: writegate.Refused, Code: v.code, Reason: v.reason, Table: t.Name, Cause: err}
	place := t.Name
	switch len(columns) {
	case 0:
	case 1:
		out.Column = columns[0]
		place += "." + columns[0]
	default:
		place += " (" + strings.Join(columns, ", ") + ")"
	}
	out.Message = fmt.Sprintf("%s: %s.", place, v.text)
	return out
}

// named returns the columns of the longest name that stands in quotation marks in a message.
func named(text, mark string, all map[string][]string) []string {
	var best string
	for name := range all {
		if len(name) > len(best) && strings.Contains(text, mark+name+mark) {
			best = name
		}
	}
	return all[best]
}

// constrained tells foreign keys from checks, which have one number.
func constrained(message string, v verdict, own *table, change *writegate.Change) (verdict, []string) {
	text, _, _ := strings.Cut(message, " The conflict occurred in ")
	var name string
	for known := range own.constraints {
		if len(known) > len(name) && strings.Contains(text, `"`+known+`"`) {
			name = known
		}
	}
	c := own.constraints[name]
	switch {
	case c.kind == "check":
		return verdict{v.class, writegate.CheckViolation, "", "does not meet a check of the database"}, c.columns
	case c.kind == "foreign" && change.Verb != writegate.Remove:
		return verdict{v.class, writegate.ForeignKeyViolation, "", "the row it refers to does not exist"}, c.columns
	case c.kind != "" || change.Verb == writegate.Remove:
		return verdict{v.class, writegate.ForeignKeyViolation, "", "other rows still refer to it"}, nil
	}
	return v, nil
}

// source is the database's name of the column.
func (c *column) source() string {
	return strings.ReplaceAll(c.quoted[1:len(c.quoted)-1], "]]", "]")
}

func race(index int, cause error) *writegate.ChangeError {
	return &writegate.ChangeError{Index: index, Race: true, Err: &writegate.Error{
		Class: writegate.Rerun, Code: writegate.Conflict, Message: "The row changed in the meantime; the write is worth trying again.", Cause: cause,
	}}
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
// The transaction is over anyway. Where nothing can be found out there are none.
func (t *tx) lookAgain(ctx context.Context, m *made) (same, others int) {
	own := driverOf(m.changes[0].Table)
	letters := slices.ContainsFunc(own.key, func(c *column) bool { return c.codec.letters })
	if own.seek && !letters {
		return 0, 0
	}
	t.rollback(ctx)
	set := make([]map[string]any, len(m.changes))
	for i := range m.changes {
		set[i] = map[string]any{}
		own.putKey(set[i], m.changes[i].Table, m.changes[i].Key)
	}
	b := &batch{}
	source, err := b.rows(set, len(own.key), 0)
	if err != nil {
		return 0, 0
	}
	exact := "CASE WHEN " + own.match("[t].", jsonField, false) + " THEN 1 ELSE 0 END"
	b.add("SELECT COALESCE(SUM(" + exact + "), 0) AS [writegate], COUNT(*) FROM " + source + "\nINNER JOIN " + own.quoted + " AS [t] ON " + own.match("[t].", jsonField, true))
	b.result(one(&same, &others))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := b.run(ctx, t.conn); err != nil {
		return 0, 0
	}
	return same, others - same
}
