package mysql

import (
	"context"
	"slices"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// table is what the driver keeps in [writegate.Table.Driver].
type table struct {
	of           *writegate.Table
	schema, name string
	quoted       string              // schema and name
	force        string              // has the server go by the key's index, empty for a view
	ordered      string              // columns of the key as the index has them
	key          []*column           // one, or the parts
	all          []*column           // in the order of the table
	columns      map[string]*column  // by the name that clients use
	indexes      map[string][]string // sources of each unique index
	lookups      []*index            // those that concern lookups
	primary      *index
	view         bool
	keyIndexes   map[string]bool     // unique indexes over the columns of the key
	references   map[string][]string // columns of each foreign key
	lookedUp     bool                // no row is ever created
	documents    map[string]string   // columns whose check says that they are JSON, by the check's name
}

// column is what the driver knows of a column besides its [writegate.Column].
type column struct {
	name, source, quoted string
	codec                *codec
	generated            bool
	exact                bool   // the server compares it letter for letter
	narrow               bool   // its character set lacks characters that a client may send
	sought               string // how a value is written that is looked for, with %s for its literal; empty is the literal
	fillsNull            bool   // the server puts a value of its own where null is written
}

func driverOf(t *writegate.Table) *table { return t.Driver.(*table) }

// Schema introspects tables, possibly qualified with a database as in app.lists. A name without one belongs to the
// database of the DSN. Views are taken when the key is named; that it is unique is then the author's word.
func (db *DB) Schema(ctx context.Context, refs []writegate.TableRef) (writegate.Schema, error) {
	found := make(writegate.Schema, len(refs))
	var faults []error
	sees, err := db.seesTriggers(ctx)
	if err != nil {
		return nil, classify(err)
	}
	for _, ref := range refs {
		t, err := db.table(ctx, ref, sees)
		switch e := classify(err); {
		case e == nil:
			found[ref.Name] = t
		case e.Code == writegate.SchemaMismatch && e.Class == writegate.Operator && e.Table == ref.Name:
			faults = append(faults, err)
		default:
			return nil, e
		}
	}
	if len(faults) > 0 {
		return nil, applier.Mismatches(faults)
	}
	db.known.Add(found)
	return found, nil
}

// table introspects one table. All its faults are in the error.
func (db *DB) table(ctx context.Context, ref writegate.TableRef, sees func(schema, table string) bool) (*writegate.Table, error) {
	schema, name, qualified := strings.Cut(ref.SourceName(), ".")
	if !qualified {
		schema, name = db.server.base, schema
	}
	switch {
	case strings.HasPrefix(strings.ToLower(name), ownPrefix):
		return nil, applier.Mismatch(ref.Name, "table %q is one of writegate's own", ref.SourceName())
	case schema == "":
		return nil, applier.Mismatch(ref.Name, "table %q is in no database: name it as in database.table, or name the database in the DSN", ref.SourceName())
	}
	cat, err := db.readTable(ctx, schema, name)
	if err != nil {
		return nil, err
	}
	view := cat.Kind == "VIEW"
	switch {
	case cat.Kind == "":
		return nil, applier.Mismatch(ref.Name, "no table %q in the database", ref.SourceName())
	case cat.Kind == "SYSTEM VIEW" || cat.Kind == "SEQUENCE":
		return nil, applier.Mismatch(ref.Name, "%q is no table", ref.SourceName())
	case !view && cat.Engine != "InnoDB":
		return nil, applier.Mismatch(ref.Name, "table %s has the storage engine %s, which knows no transactions: it must be InnoDB", ref.SourceName(), cat.Engine)
	}
	own := &table{
		lookedUp: ref.ReadOnly, schema: cat.Schema, name: cat.Name, quoted: quote(cat.Schema) + "." + quote(cat.Name),
		columns: map[string]*column{}, indexes: map[string][]string{}, keyIndexes: map[string]bool{}, references: map[string][]string{}, documents: map[string]string{},
	}
	t := &writegate.Table{Name: ref.Name, Source: cat.Schema + "." + cat.Name, Driver: own}
	own.of = t
	for _, r := range cat.references {
		own.references[r.Constraint] = append(own.references[r.Constraint], r.Column)
	}
	b := &builder{db: db, ref: ref, cat: cat, own: own, t: t}
	b.columns()
	b.keys(view)
	if own.view = view; !view {
		b.describe()
	}
	if b.faults != nil {
		return nil, applier.Mismatch(ref.Name, "%s", strings.Join(b.faults, "\n"+ref.Name+": "))
	}
	t.Reacts = cat.reacts(t, own, view || !sees(cat.Schema, cat.Name))
	return t, nil
}

// reacts returns the verbs after which the database may do more. Nobody changes the key of a row, so what only
// follows it never happens. Blind says that triggers can't be seen, so that there may be any. A column that the
// database sets on each update is another value than the one that was read.
func (cat *catalogTable) reacts(t *writegate.Table, own *table, blind bool) []writegate.Verb {
	verbs := []writegate.Verb{writegate.Insert, writegate.Update, writegate.Remove}
	if blind {
		return verbs
	}
	acts := func(rule string) bool { return rule == "CASCADE" || rule == "SET NULL" || rule == "SET DEFAULT" }
	reacts := map[writegate.Verb]bool{}
	for _, event := range cat.triggers {
		reacts[map[string]writegate.Verb{"INSERT": writegate.Insert, "UPDATE": writegate.Update, "DELETE": writegate.Remove}[event]] = true
	}
	for _, c := range cat.columns {
		if strings.Contains(strings.ToLower(c.Extra), "on update") {
			reacts[writegate.Update] = true
		}
	}
	for _, r := range cat.referrers {
		isKey := slices.ContainsFunc(own.key, func(c *column) bool { return c.source == r.Column })
		reacts[writegate.Remove] = reacts[writegate.Remove] || acts(r.OnDelete)
		reacts[writegate.Update] = reacts[writegate.Update] || acts(r.OnUpdate) && !isKey
	}
	return slices.DeleteFunc(verbs, func(v writegate.Verb) bool { return !reacts[v] })
}
