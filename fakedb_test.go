package writegate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// fakeDB is a database for tests of the pipeline alone: serial transactions, and a hook that fails where a test wants
// it to. Rows of the table t stand under their keys, those of others under a rowKey. Real drivers are tested by the
// conformance suite.
type fakeDB struct {
	mu    sync.Mutex
	rows  map[any]Row
	runs  []Run
	texts []Refusal
	dead  map[string]DeadLetter
	ended map[string]Closing // of those in dead
	links map[LinkKey]Link
	txs   int // committed
	// reads and finds count statements, and asked is what was looked up last.
	reads, finds int
	asked        []Find
	loose        bool // lookups don't regard the letters' case
	// fail is asked at "claim", "load", "write", "settle" and "commit", with the change for "write".
	fail func(stage string, c *Change) error
	// react changes rows as a trigger would, after each change.
	react func(rows map[any]Row, c *Change)
	// late is what another replica does as soon as the running transaction is over. It happens once.
	late func()
}

var fakeTable = &Table{Name: "t", Source: "t", Key: "id", Columns: []*Column{{Name: "id"}, {Name: "a"}, {Name: "b", HasDefault: true}}}

func newFakeDB() *fakeDB {
	return &fakeDB{rows: map[any]Row{}, dead: map[string]DeadLetter{}, ended: map[string]Closing{}, links: map[LinkKey]Link{}}
}

func (db *fakeDB) Schema(context.Context, []TableRef) (Schema, error) {
	return Schema{"t": fakeTable}, nil
}
func (db *fakeDB) Checkpoint(context.Context, string, string) (int64, error) { return 1, nil }
func (db *fakeDB) Ready(context.Context) error                               { return nil }
func (db *fakeDB) Close() error                                              { return nil }

func (db *fakeDB) InTx(_ context.Context, _ Caller, fn func(Tx) error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	defer func() {
		if late := db.late; late != nil {
			db.late = nil
			late()
		}
	}()
	tx := &fakeTx{
		db: db, rows: maps.Clone(db.rows), runs: slices.Clone(db.runs), texts: slices.Clone(db.texts), dead: maps.Clone(db.dead), ended: maps.Clone(db.ended),
		links: maps.Clone(db.links),
	}
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.flush(); err != nil {
		return err
	}
	if err := db.ask("commit", nil); err != nil {
		return err
	}
	db.rows, db.runs, db.texts, db.dead, db.ended, db.links = tx.rows, tx.runs, tx.texts, tx.dead, tx.ended, tx.links
	db.txs++
	return nil
}

func (db *fakeDB) ask(stage string, c *Change) error {
	if db.fail == nil {
		return nil
	}
	return db.fail(stage, c)
}

type fakeTx struct {
	db    *fakeDB
	rows  map[any]Row
	runs  []Run
	texts []Refusal
	dead  map[string]DeadLetter
	ended map[string]Closing
	links map[LinkKey]Link
	todo  []Change
	at    int
	blame bool
}

func (tx *fakeTx) Claim(_ context.Context, q Claim) (Claimed, error) {
	var c Claimed
	for _, r := range tx.runs {
		if r.ClientID == q.ClientID && r.LastOp >= q.First && r.FirstOp <= q.Last {
			c.Runs = append(c.Runs, r)
		}
	}
	for _, r := range tx.texts {
		if r.ClientID == q.ClientID && r.OpID >= q.First && r.OpID <= q.Last {
			c.Refusals = append(c.Refusals, r)
		}
	}
	c.Links = map[LinkKey]Link{}
	for _, at := range q.Links {
		if l, ok := tx.links[at]; ok {
			c.Links[at] = l
		}
	}
	return c, tx.db.ask("claim", nil)
}

// at is where a row stands.
func at(t *Table, key any) any {
	if t == fakeTable {
		return key
	}
	return rowKey{t.Source, key}
}

func (tx *fakeTx) Find(_ context.Context, finds []Find) ([][]Row, error) {
	if err := tx.flush(); err != nil {
		return nil, err
	}
	tx.db.asked = finds
	out := make([][]Row, len(finds))
	for i, f := range finds {
		tx.db.finds++
		there := map[any]Row{}
		for _, values := range f.Values {
			n := 0
			for where, row := range tx.rows {
				key, ok := where.(rowKey)
				if !ok || key.source != f.Table.Source || n == f.Most || !tx.db.answers(&f, key.key, row, values) {
					continue
				}
				n++
				there[key.key] = row
			}
		}
		for key, row := range there {
			part := Row{f.Table.Key: key}
			for _, name := range slices.Concat(f.By, f.Null, f.Columns) {
				if name != f.Table.Key {
					part[name] = row[name]
				}
			}
			out[i] = append(out[i], part)
		}
	}
	return out, tx.db.ask("find", nil)
}

func (db *fakeDB) answers(f *Find, key any, row Row, values []any) bool {
	for i, name := range f.By {
		v := row[name]
		if name == f.Table.Key {
			v = key
		}
		same := v == values[i] || db.loose && strings.EqualFold(fmt.Sprint(v), fmt.Sprint(values[i]))
		if v == nil || !same {
			return false
		}
	}
	return !slices.ContainsFunc(f.Null, func(name string) bool { return row[name] != nil })
}

func (tx *fakeTx) Load(_ context.Context, reads []Read) ([]map[any]Row, error) {
	if err := tx.flush(); err != nil {
		return nil, err
	}
	out := make([]map[any]Row, len(reads))
	for i, r := range reads {
		tx.db.reads++
		out[i] = map[any]Row{}
		for _, k := range r.Keys {
			if row, ok := tx.rows[at(r.Table, k)]; ok {
				out[i][k] = maps.Clone(row)
			}
		}
	}
	return out, tx.db.ask("load", nil)
}

func (tx *fakeTx) Blame() { tx.blame = true }

func (tx *fakeTx) Write(_ context.Context, changes []Change) error {
	tx.todo = append(tx.todo, changes...)
	return nil
}

func (tx *fakeTx) flush() error {
	for _, c := range tx.todo {
		index := tx.at
		tx.at++
		if err := tx.db.ask("write", &c); err != nil {
			if change, ok := errors.AsType[*ChangeError](err); ok {
				change.Index = index
			}
			return err
		}
		if _, there := tx.rows[at(c.Table, c.Key)]; c.Verb != Remove && (c.Verb == Insert) == there {
			return &ChangeError{Index: index, Race: true, Err: &Error{Class: Rerun, Code: Conflict, Message: "race"}}
		}
		tx.db.write(tx.rows, &c)
	}
	tx.todo = nil
	return nil
}

// write makes a change of rows, and what the database does by itself.
func (db *fakeDB) write(rows map[any]Row, c *Change) {
	row := maps.Clone(rows[at(c.Table, c.Key)])
	if row == nil {
		row = Row{}
		for _, column := range c.Table.Columns {
			if column.HasDefault {
				row[column.Name] = "default"
			}
		}
	}
	maps.Copy(row, c.Set)
	rows[at(c.Table, c.Key)] = row
	if c.Verb == Remove {
		delete(rows, at(c.Table, c.Key))
	}
	if db.react != nil {
		db.react(rows, c)
	}
}

func (tx *fakeTx) Settle(_ context.Context, s Settlement) error {
	if s.Run != nil {
		tx.runs = append(tx.runs, *s.Run)
	}
	tx.texts = append(tx.texts, s.Refusals...)
	for _, d := range s.DeadLetters {
		tx.dead[d.ID] = d
	}
	if len(s.DeadLetters) > 0 && s.MostLetters > 0 && len(tx.dead)-len(tx.ended) > s.MostLetters {
		return &Error{Class: Operator, Code: Unavailable, Reason: ReasonLettersFull, Message: "full"}
	}
	for _, c := range s.Closed {
		_, there := tx.dead[c.ID]
		if _, ended := tx.ended[c.ID]; ended || !there {
			return Refuse(Conflict, ReasonLetterClosed, "closed")
		}
		tx.ended[c.ID] = c
	}
	maps.Copy(tx.links, s.Links)
	return tx.db.ask("settle", nil)
}

// fakePolicy allows everything but the value "forbidden", and needs b to decide on a value "needs b". A test may have it
// say more.
type fakePolicy struct {
	err     error
	batch   Batch
	admit   func(a *Admitted) // changes what is admitted
	refused func(why *Error, blamed *Op, name string) Consequence
	decide  func(a *Admitted, v View, d Decision) Decision
	asked   func(Asking)
	// resolved are updates of rows that told of a refusal.
	resolved func(name string) []Change
}

func (fakePolicy) Revision() string { return "fake" }
func (p fakePolicy) Batch() Batch   { return p.batch }
func (fakePolicy) Claims() JSON     { return `{"org":{"id":12345678901234567890}}` }

func (p fakePolicy) Judge(a Asking) (Judge, error) {
	if p.asked != nil {
		p.asked(a)
	}
	return p, p.err
}

func (p fakePolicy) Resolved(name string) []Change {
	if p.resolved == nil {
		return nil
	}
	return p.resolved(name)
}

func (fakePolicy) Foresee(_ *Admitted, old Row, _ View) Row { return old }

func (p fakePolicy) Refused(why *Error, blamed *Op, name string) Consequence {
	if p.refused == nil {
		return Consequence{}
	}
	return p.refused(why, blamed, name)
}

func (p fakePolicy) Admit(op *Op) (*Admitted, *Error) {
	switch {
	case op.Table == "ignored":
		return nil, nil
	case op.Table != "t" && op.Table != "u":
		return nil, Refuse(SchemaMismatch, "table.denied", "There is no such table.")
	}
	a := &Admitted{Op: op, Table: fakeTable, Key: op.ID, Values: op.Data, Needs: []string{"a", "b"}}
	if p.admit != nil {
		p.admit(a)
	}
	return a, nil
}

func (p fakePolicy) Decide(a *Admitted, old Row, v View) Decision {
	d := p.plain(a, old)
	if p.decide != nil {
		d = p.decide(a, v, d)
	}
	return d
}

func (fakePolicy) plain(a *Admitted, old Row) Decision {
	switch {
	case a.Values["a"] == "forbidden":
		return Decision{Refusal: Refuse(Unauthorized, "not_writable", "no")}
	case a.Values["a"] == "only if open" && old["a"] != "open":
		return Decision{Refusal: Refuse(Unauthorized, "not_writable", "no")}
	case a.Values["a"] == "needs b" && old != nil:
		if _, ok := old["b"]; !ok {
			return Decision{Unknown: true}
		}
	}
	c := &Change{Table: fakeTable, Key: a.Key, Set: a.Values}
	switch {
	case a.Op.Kind == Delete && old == nil, a.Op.Kind == Patch && old == nil:
		return Decision{}
	case a.Op.Kind == Delete:
		c.Verb = Remove
		return Decision{Change: c}
	case old == nil:
		c.Verb = Insert
	default:
		c.Verb = Update
	}
	row := maps.Clone(old)
	if row == nil {
		row = Row{}
	}
	maps.Copy(row, a.Values)
	return Decision{Change: c, New: row}
}
