package applierstest

import (
	"fmt"
	"testing"

	"writegate"
)

// membership is the race between an operation that is allowed by a row of another table, and whoever takes that
// row away. Once it is gone and committed, nothing may be written in its name.
type membership struct {
	*race
	id string
}

func (s *suite) membership(t *testing.T) *membership {
	t.Helper()
	return &membership{race: s.race(t, TableDef{Name: "members"})}
}

// begin makes a note and the membership that lets one write to it.
func (m *membership) begin(round int) {
	m.id = fmt.Sprint(round)
	m.db.no(m.db.write(m.db.insert("notes", m.id, writegate.Row{"n": "0"}), m.db.insert("members", m.id, nil)))
}

// operation writes to the note if there is a membership, as the pipeline does: rows to be written are locked, and
// those that only allow it are locked against change.
func (m *membership) operation(db writegate.Applier) (applied bool) {
	t := m.t
	m.db.no(m.db.again(db, someone, func(tx writegate.Tx) error {
		applied = false
		found, err := tx.Load(t.Context(), []writegate.Read{
			{Table: m.db.schema["members"], Keys: []any{m.db.convert("members", "id", m.id)}, Lock: writegate.ForShare},
			{Table: m.db.schema["notes"], Keys: []any{m.db.convert("notes", "id", m.id)}, Columns: []string{"n"}, Lock: writegate.ForUpdate},
		})
		if err != nil || len(found[0]) == 0 {
			return err
		}
		m.dawdle()
		applied = true
		return tx.Write(t.Context(), []writegate.Change{m.db.update("notes", m.id, writegate.Row{"n": "1"})})
	}))
	return applied
}

// revoke takes the membership away. What it returns is what the note had by then.
func (m *membership) revoke(db writegate.Applier) (seen int64) {
	t := m.t
	m.db.no(m.db.again(db, someone, func(tx writegate.Tx) error {
		if _, err := m.db.loadIn(tx, writegate.ForUpdate, "members", m.id); err != nil {
			return err
		}
		rows, err := m.db.loadIn(tx, writegate.Unlocked, "notes", m.id)
		if err != nil {
			return err
		}
		seen = rows[m.id]["n"].(int64)
		m.dawdle()
		return tx.Write(t.Context(), []writegate.Change{m.db.remove("members", m.id)})
	}))
	return seen
}

// judge compares what the operation was told with what there was when the membership ended.
func (m *membership) judge(round int, applied bool, seen int64) {
	t := m.t
	n := m.db.load("notes", m.id)[m.id]["n"].(int64)
	if n != seen {
		t.Errorf("round %d: the note was written after its membership was gone", round)
	}
	if applied != (n == 1) {
		t.Errorf("round %d: the operation is told %v, the note has %d", round, applied, n)
	}
	if m.operation(m.appliers[round%2]) {
		t.Errorf("round %d: the note can still be written", round)
	}
	if applied {
		m.count("written before")
	} else {
		m.count("refused")
	}
}
