package applierstest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"writegate"
)

// suite is one run over one harness.
type suite struct {
	Harness
	asked map[Feature]bool
}

// need skips a case that the database cannot run, with the reason its harness gives.
func (s *suite) need(t *testing.T, features ...Feature) {
	t.Helper()
	for _, f := range features {
		s.asked[f] = true
	}
	for _, f := range features {
		if reason, without := s.Without[f]; without {
			t.Skipf("%s is without %s: %s", s.Name, f, reason)
		}
	}
}

// database is a fresh database with tables for one case.
type database struct {
	*Instance
	t      *testing.T
	defs   map[string]*TableDef
	schema writegate.Schema
}

func (s *suite) open(t *testing.T, defs ...TableDef) *database {
	t.Helper()
	d := &database{Instance: s.Open(t), t: t, defs: map[string]*TableDef{}}
	d.no(d.Define(t.Context(), defs))
	for i := range defs {
		d.defs[defs[i].Name] = &defs[i]
	}
	schema, err := d.Applier.Schema(t.Context(), d.refs())
	d.no(err)
	d.schema = schema
	return d
}

func (d *database) refs() []writegate.TableRef {
	var refs []writegate.TableRef
	for name := range d.defs {
		ref := writegate.TableRef{Name: name, Key: d.defs[name].Key}
		for _, c := range d.defs[name].KeyColumns {
			ref.Parts = append(ref.Parts, c.Name)
		}
		if d.Source != nil {
			ref.Source = d.Source(name)
		}
		if d.Declare != nil {
			d.Declare(name, &ref)
		}
		refs = append(refs, ref)
	}
	return refs
}

// replica opens a further applier on the database.
func (d *database) replica() writegate.Applier {
	d.t.Helper()
	db := d.Reopen(d.t)
	d.t.Cleanup(func() { _ = db.Close() })
	return db
}

// no fails the test on an error.
func (d *database) no(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("unexpected error: %v (cause: %v)", err, errors.Unwrap(err))
	}
}

var someone = writegate.Caller{Subject: "u1"}

func (d *database) inTx(fn func(writegate.Tx) error) error {
	return d.Applier.InTx(d.t.Context(), someone, fn)
}

// write makes changes in a transaction of their own.
func (d *database) write(changes ...writegate.Change) error {
	return d.inTx(func(tx writegate.Tx) error { return tx.Write(d.t.Context(), changes) })
}

func (d *database) insert(table string, key any, set writegate.Row) writegate.Change {
	return d.change(writegate.Insert, table, key, set)
}

func (d *database) update(table string, key any, set writegate.Row) writegate.Change {
	return d.change(writegate.Update, table, key, set)
}

func (d *database) remove(table string, key any) writegate.Change {
	return d.change(writegate.Remove, table, key, nil)
}

// change converts key and values, so that cases can be written with wire values.
func (d *database) change(verb writegate.Verb, table string, key any, set writegate.Row) writegate.Change {
	d.t.Helper()
	of := d.schema[table]
	c := writegate.Change{Verb: verb, Table: of, Key: d.convert(table, of.Key, key)}
	for name, v := range set {
		if c.Set == nil {
			c.Set = writegate.Row{}
		}
		c.Set[name] = d.convert(table, name, v)
	}
	return c
}

func (d *database) convert(table, column string, wire any) any {
	d.t.Helper()
	c := d.schema[table].Column(column)
	if c == nil {
		d.t.Fatalf("schema of %s has no column %s", table, column)
	}
	v, err := c.Convert(wire)
	if err != nil {
		d.t.Fatalf("%s.%s: converting %v: %v", table, column, wire, err)
	}
	return v
}

// load reads rows in a transaction of their own, with all columns, by key.
func (d *database) load(table string, keys ...any) map[any]writegate.Row {
	d.t.Helper()
	var found map[any]writegate.Row
	d.no(d.inTx(func(tx writegate.Tx) error {
		var err error
		found, err = d.loadIn(tx, writegate.Unlocked, table, keys...)
		return err
	}))
	return found
}

func (d *database) loadIn(tx writegate.Tx, lock writegate.Lock, table string, keys ...any) (map[any]writegate.Row, error) {
	d.t.Helper()
	read := writegate.Read{Table: d.schema[table], Lock: lock, Columns: d.columns(table)}
	for _, key := range keys {
		read.Keys = append(read.Keys, d.convert(table, read.Table.Key, key))
	}
	found, err := tx.Load(d.t.Context(), []writegate.Read{read})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

func (d *database) columns(table string) []string {
	var names []string
	for _, c := range d.defs[table].Columns {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// content is the table as text, one line for each row, so that any two databases can be compared.
func (d *database) content(table string) string {
	d.t.Helper()
	rows, err := d.Rows(d.t.Context(), table)
	d.no(err)
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = rowText(d.t, d.defs[table], row)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// want compares the table with lines written as column=value, the key first.
func (d *database) want(table string, lines ...string) {
	d.t.Helper()
	if got, want := d.content(table), strings.Join(lines, "\n"); got != want {
		d.t.Errorf("table %s has\n%s\nwant\n%s", table, got, want)
	}
}

// refused checks that an error is a refusal of one change with a code.
func (d *database) refused(err error, code writegate.Code) *writegate.ChangeError {
	d.t.Helper()
	var change *writegate.ChangeError
	if !errors.As(err, &change) {
		d.t.Fatalf("error is %v, not a ChangeError", err)
	}
	if e := change.Err; e.Class != writegate.Refused || e.Code != code || change.Race {
		d.t.Fatalf("error is %v %v (race %v), want refused %v; cause: %v", e.Class, e, change.Race, code, e.Cause)
	}
	return change
}

// again runs a transaction until nothing is worth another try.
func (d *database) again(db writegate.Applier, caller writegate.Caller, fn func(writegate.Tx) error) error {
	for begun := time.Now(); ; {
		err := db.InTx(d.t.Context(), caller, fn)
		if err == nil {
			return nil
		}
		class := writegate.AsError(err).Class
		if class != writegate.Rerun && class != writegate.Retry || time.Since(begun) > 30*time.Second {
			return fmt.Errorf("class %v: %w", class, err)
		}
		time.Sleep(time.Millisecond)
	}
}
