package references_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"writegate"
)

// numbered is a database for tests of this package alone: it numbers rows, finds them by any column, checks
// foreign keys at once, defers writes until the next Load or the commit, and counts how often it is asked.
type numbered struct {
	tables map[string]*store
	trips  int
	log    []string // of writes, as the database does them
	vague  bool     // errors have no index, as those of merged statements
	fail   func(c *writegate.Change) *writegate.Error
	reruns int // of InTx, once each
	saw    []writegate.Read
	asked  []*writegate.Lookup
}

// store is a table: its first column is a number that the database makes.
type store struct {
	name    string
	columns []*writegate.Column
	unique  []string
	parents map[string]string // foreign keys to the number of another table, by column
	reacts  []writegate.Verb
	rows    []writegate.Row
	last    int64
}

// shown is a table by the names of one configuration.
type shown struct {
	*store
	sources map[string]string // by the names that clients use
}

func column(name string, typ writegate.Type) *writegate.Column {
	return &writegate.Column{Name: name, Type: typ, Native: typ.String(), Nullable: true, Convert: func(v any) (any, error) {
		switch v.(type) {
		case int64:
			if typ != writegate.Int {
				return nil, errors.New("must be text")
			}
		case string:
			if typ == writegate.Int {
				return nil, errors.New("must be a number")
			}
		}
		return v, nil
	}}
}

func newNumbered(stores ...*store) *numbered {
	db := &numbered{tables: map[string]*store{}}
	for _, s := range stores {
		db.tables[s.name] = s
	}
	return db
}

func (db *numbered) Checkpoint(context.Context, string, string) (int64, error) { return 7, nil }
func (db *numbered) Ready(context.Context) error                               { return nil }
func (db *numbered) Close() error                                              { return nil }

func (db *numbered) Schema(_ context.Context, refs []writegate.TableRef) (writegate.Schema, error) {
	schema := writegate.Schema{}
	var faults []string
	for _, ref := range refs {
		def := db.tables[cmp.Or(ref.Source, ref.Name)]
		if def == nil {
			faults = append(faults, ref.Name+": no such table")
			continue
		}
		all := make([]string, len(def.columns))
		for i, c := range def.columns {
			all[i] = c.Name
		}
		names, wrong := ref.Names(all)
		for _, w := range wrong {
			faults = append(faults, ref.Name+": "+w)
		}
		s := &shown{store: def, sources: map[string]string{}}
		t := &writegate.Table{Name: ref.Name, Source: def.name, Key: cmp.Or(ref.KeyName(), "number"), Reacts: def.reacts, Driver: s}
		for _, c := range def.columns {
			called := *c
			called.Name = names[c.Name]
			s.sources[called.Name] = c.Name
			t.Columns = append(t.Columns, &called)
		}
		for _, part := range ref.Parts {
			t.Parts = append(t.Parts, t.Column(part))
		}
		if t.Parts != nil {
			key, err := writegate.Composite(t.Key, t.Parts, ref.Separator)
			if err != nil {
				panic(err)
			}
			t.Columns = append([]*writegate.Column{key}, t.Columns...)
		} else if !slices.Contains(def.unique, s.sources[t.Key]) {
			faults = append(faults, fmt.Sprintf("%s: %s is not unique", ref.Name, t.Key))
		}
		schema[ref.Name] = t
	}
	if len(faults) > 0 {
		return nil, &writegate.Error{Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: strings.Join(faults, "\n")}
	}
	return schema, nil
}

func (db *numbered) InTx(_ context.Context, _ writegate.Caller, fn func(writegate.Tx) error) error {
	before := map[string]store{}
	for name, s := range db.tables {
		kept := *s
		kept.rows = make([]writegate.Row, len(s.rows))
		for i, row := range s.rows {
			kept.rows[i] = maps.Clone(row)
		}
		before[name] = kept
	}
	for again := db.reruns; ; again-- {
		t := &session{db: db}
		err := fn(t)
		if err == nil {
			err = t.flush()
		}
		if err == nil && again <= 0 {
			return nil
		}
		for name, kept := range before {
			s := db.tables[name]
			s.rows, s.last = make([]writegate.Row, len(kept.rows)), kept.last
			for i, row := range kept.rows {
				s.rows[i] = maps.Clone(row)
			}
		}
		if err != nil {
			return err
		}
	}
}

type session struct {
	writegate.Tx
	db     *numbered
	queue  []writegate.Change
	given  int
	blamed bool
}

func (t *session) Claim(context.Context, writegate.Claim) (writegate.Claimed, error) {
	return writegate.Claimed{}, nil
}
func (t *session) Settle(context.Context, writegate.Settlement) error { return t.flush() }
func (t *session) Blame()                                             { t.blamed = true }

func (t *session) Load(_ context.Context, reads []writegate.Read) ([]map[any]writegate.Row, error) {
	t.db.trips++
	if err := t.flush(); err != nil {
		return nil, err
	}
	found := make([]map[any]writegate.Row, len(reads))
	for i, r := range reads {
		t.db.saw = append(t.db.saw, r)
		found[i] = map[any]writegate.Row{}
		s := r.Table.Driver.(*shown)
		for _, row := range s.rows {
			key := s.key(r.Table, row)
			if !slices.Contains(r.Keys, key) {
				continue
			}
			part := writegate.Row{r.Table.Key: key}
			for _, name := range r.Columns {
				part[name] = row[s.sources[name]]
			}
			found[i][key] = part
		}
	}
	return found, nil
}

func (t *session) Find(_ context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	t.db.trips++
	if err := t.flush(); err != nil {
		return nil, err
	}
	found := make([][]writegate.Row, len(finds))
	for i, f := range finds {
		t.db.asked = append(t.db.asked, f.Lookup)
		s := f.Table.Driver.(*shown)
		for _, row := range s.rows {
			meant := func(values []any) bool {
				for n, name := range f.By {
					if row[s.sources[name]] != values[n] {
						return false
					}
				}
				return true
			}
			if slices.ContainsFunc(f.Values, meant) {
				part := writegate.Row{f.Table.Key: s.key(f.Table, row)}
				for _, name := range slices.Concat(f.By, f.Null, f.Columns) {
					part[name] = row[s.sources[name]]
				}
				found[i] = append(found[i], part)
			}
		}
	}
	return found, nil
}

func (s *shown) key(t *writegate.Table, row writegate.Row) any {
	if t.Parts == nil {
		return row[s.sources[t.Key]]
	}
	parts := make([]any, len(t.Parts))
	for i, p := range t.Parts {
		parts[i] = row[s.sources[p.Name]]
	}
	return t.JoinKey(parts)
}

func (t *session) Write(_ context.Context, changes []writegate.Change) error {
	t.queue = append(t.queue, changes...)
	return nil
}

func (t *session) flush() error {
	for i := range t.queue {
		c := &t.queue[i]
		t.given++
		race, err := t.db.change(c)
		if race {
			err = &writegate.Error{Class: writegate.Rerun, Code: writegate.Conflict, Message: "race"}
		}
		if err != nil {
			e := &writegate.ChangeError{Index: t.given - 1, Race: race, Err: err}
			if t.db.vague && !t.blamed {
				e.Index = -1
			}
			return e
		}
	}
	t.queue = nil
	return nil
}

func (db *numbered) change(c *writegate.Change) (race bool, _ *writegate.Error) {
	s := c.Table.Driver.(*shown)
	set := writegate.Row{}
	for name, v := range c.Set {
		set[s.sources[name]] = v
	}
	db.log = append(db.log, fmt.Sprintf("%s %s %v", [...]string{"", "insert", "update", "remove"}[c.Verb], s.name, c.Key))
	if db.fail != nil {
		if err := db.fail(c); err != nil {
			return false, err
		}
	}
	for column, parent := range s.parents {
		if v := set[column]; v != nil && !slices.ContainsFunc(db.tables[parent].rows, func(row writegate.Row) bool { return row["number"] == v }) {
			return false, writegate.Refuse(writegate.ForeignKeyViolation, "", "no such parent")
		}
	}
	at := slices.IndexFunc(s.rows, func(row writegate.Row) bool { return s.key(c.Table, row) == c.Key })
	switch {
	case c.Verb == writegate.Insert && at >= 0, c.Verb == writegate.Update && at < 0:
		return true, nil
	case c.Verb == writegate.Insert:
		s.last++
		row := writegate.Row{"number": s.last}
		if c.Table.Parts != nil {
			for i, v := range c.Table.SplitKey(c.Key) {
				row[s.sources[c.Table.Parts[i].Name]] = v
			}
		} else {
			row[s.sources[c.Table.Key]] = c.Key
		}
		maps.Copy(row, set)
		s.rows = append(s.rows, row)
	case c.Verb == writegate.Update:
		maps.Copy(s.rows[at], set)
	case at >= 0:
		number := s.rows[at]["number"]
		for _, child := range db.tables {
			for column, parent := range child.parents {
				if parent == s.name && slices.ContainsFunc(child.rows, func(row writegate.Row) bool { return row[column] == number }) {
					return false, writegate.Refuse(writegate.ForeignKeyViolation, "", "other rows refer to it")
				}
			}
		}
		s.rows = slices.Delete(s.rows, at, at+1)
	}
	return false, nil
}
