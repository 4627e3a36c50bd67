package applierstest

import (
	"fmt"
	"slices"
	"testing"

	"writegate"
)

// way is how an operation comes to know of memberships.
type way string

const (
	byKey    way = "key"    // they are read as the rows of operations are
	byLookup way = "lookup" // they are found
	byPolicy way = "policy" // a policy has them looked up for an upload
)

const membershipPolicy = `
policy: 1
name: memberships
engine: {patch_missing: reject}
claims:
  sub: {type: text, required: true}
lookups:
  member: {table: memberships, args: {org: text}, where: {org: $org, member: $claims.sub, left_at: null}, count: {limit: 1}, lock: share}
  other_admins: {table: memberships, args: {org: text}, where: {org: $org, role: admin, left_at: null}, count: {limit: 2}, lock: update}
tables:
  notes:
    rules:
      - {name: members, ops: [update], row: member(row.body) > 0, columns: [n]}
  memberships:
    rules:
      - {name: own, ops: [delete], using: old.member == claims.sub && other_admins(old.org) > 0}
`

// uniqueMemberships are [memberships] of which each member has one in an organisation.
var uniqueMemberships = TableDef{Name: memberships.Name, Columns: memberships.Columns, Unique: [][]string{{"org", "member"}}}

// membership is the race between an operation that is allowed by a row of another table, and whoever takes that
// row away. Once it is gone and committed, nothing may be written in its name.
type membership struct {
	*race
	way
	id string
}

func (s *suite) membership(t *testing.T, how way) *membership {
	t.Helper()
	m := &membership{race: s.race(t, uniqueMemberships), way: how}
	m.decideBy(membershipPolicy)
	return m
}

// begin makes a note and the membership that lets one write to it.
func (m *membership) begin(round int) {
	m.id = fmt.Sprint(round)
	m.db.no(m.db.write(m.db.insert("notes", m.id, writegate.Row{"body": m.id, "n": "0"}), m.grant()))
}

func (m *membership) grant() writegate.Change {
	return m.db.insert("memberships", m.id, writegate.Row{"org": m.id, "member": "ann"})
}

// look tells whether there is a membership, and keeps it from being taken away.
func (m *membership) look(tx writegate.Tx) (bool, error) {
	t := m.t
	if m.way == byLookup {
		l := m.db.lookup("memberships", []string{"member", "org"}, nil)
		l.Lock = writegate.ForShare
		found, err := tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: [][]any{m.db.question(l, "ann", m.id)}, Most: 2}})
		return err == nil && len(found[0]) > 0, err
	}
	rows, err := m.db.loadIn(tx, writegate.ForShare, "memberships", m.id)
	return len(rows) > 0, err
}

// operation writes to the note if there is a membership, as the pipeline does: rows to be written are locked, then
// those that only allow it are locked against change.
func (m *membership) operation(side int) (applied bool) {
	t := m.t
	if m.way == byPolicy {
		m.ops++
		return m.upload(side, "ann", writegate.Op{Kind: writegate.Patch, Table: "notes", ID: m.id, Data: writegate.Row{"n": "1"}}).Status == writegate.Applied
	}
	m.db.no(m.db.again(m.appliers[side], someone, func(tx writegate.Tx) error {
		applied = false
		if _, err := m.db.loadIn(tx, writegate.ForUpdate, "notes", m.id); err != nil {
			return err
		}
		if member, err := m.look(tx); err != nil || !member {
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
		if _, err := m.db.loadIn(tx, writegate.ForUpdate, "memberships", m.id); err != nil {
			return err
		}
		rows, err := m.db.loadIn(tx, writegate.Unlocked, "notes", m.id)
		if err != nil {
			return err
		}
		seen = rows[m.id]["n"].(int64)
		m.dawdle()
		return tx.Write(t.Context(), []writegate.Change{m.db.remove("memberships", m.id)})
	}))
	return seen
}

// revoked has the membership taken away while the operation is at work.
func (m *membership) revoked() {
	m.rounds(func(round int) {
		m.begin(round)
		var applied bool
		var seen int64
		m.together(func(side int) {
			if side == 0 {
				applied = m.operation(0)
			} else {
				seen = m.revoke(m.appliers[1])
			}
		})
		m.judge(round, applied, seen)
	})
}

// regained has the membership, which is gone when the operation looks first, granted and taken away meanwhile.
func (m *membership) regained() {
	m.rounds(func(round int) {
		m.begin(round)
		m.revoke(m.appliers[1])
		var applied bool
		var seen int64
		m.together(func(side int) {
			if side == 0 {
				for range 3 {
					if applied = m.operation(0); applied {
						break
					}
				}
				return
			}
			m.db.no(m.db.again(m.appliers[1], someone, func(tx writegate.Tx) error {
				return tx.Write(m.t.Context(), []writegate.Change{m.grant()})
			}))
			m.dawdle()
			seen = m.revoke(m.appliers[1])
		})
		m.judge(round, applied, seen)
	})
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
	if m.operation(round % 2) {
		t.Errorf("round %d: the note can still be written", round)
	}
	if applied {
		m.count("written before")
	} else {
		m.count("refused")
	}
}

// admins is the race of the last two admins of an organisation who leave at once. Each may, as long as there is another
// one, so one of them stays.
type admins struct {
	*race
	way
}

func (s *suite) admins(t *testing.T, how way) *admins {
	t.Helper()
	a := &admins{s.race(t, uniqueMemberships), how}
	a.decideBy(membershipPolicy)
	return a
}

func (a *admins) admin(side, round int) string { return fmt.Sprint(round, "-", side) }

// leave removes the admin of that side if there is another one in the organisation.
func (a *admins) leave(side, round int) (left bool) {
	t, db := a.t, a.db
	own, org := a.admin(side, round), fmt.Sprint(round)
	if a.way == byPolicy {
		got := a.upload(side, own, writegate.Op{Kind: writegate.Delete, Table: "memberships", ID: own})
		return len(got.Ops) == 1 && got.Ops[0].Status == writegate.Applied // the last one is told as of a row that is not there
	}
	db.no(db.again(a.appliers[side], someone, func(tx writegate.Tx) error {
		left = false
		if _, err := db.loadIn(tx, writegate.ForUpdate, "memberships", own); err != nil {
			return err
		}
		l := db.lookup("memberships", []string{"org", "role"}, nil)
		l.Null, l.Lock, l.Others = []string{"left_at"}, writegate.ForUpdate, true
		found, err := tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: [][]any{db.question(l, org, "admin")}, Most: 3}})
		if err != nil {
			return err
		}
		others := slices.DeleteFunc(found[0], func(row writegate.Row) bool { return row["id"] == own })
		if len(others) == 0 {
			return nil
		}
		a.dawdle()
		left = true
		if round%2 == 0 {
			return tx.Write(t.Context(), []writegate.Change{db.remove("memberships", own)})
		}
		return tx.Write(t.Context(), []writegate.Change{db.update("memberships", own, writegate.Row{"left_at": "2026-08-21T14:29:30Z"})})
	}))
	return left
}

// run has both leave at once, in each round.
func (a *admins) run() {
	a.rounds(func(round int) {
		for side := range a.appliers {
			own := a.admin(side, round)
			a.db.no(a.db.write(a.db.insert("memberships", own, writegate.Row{"org": fmt.Sprint(round), "member": own, "role": "admin"})))
		}
		var left [2]bool
		a.ops++
		a.together(func(side int) { left[side] = a.leave(side, round) })
		stay := 0
		for side := range a.appliers {
			if row := a.db.load("memberships", a.admin(side, round))[a.admin(side, round)]; row != nil && row["left_at"] == nil {
				stay++
			}
		}
		if stay != 1 || left[0] == left[1] {
			a.t.Errorf("round %d: %d admins stay, they are told %v", round, stay, left)
		}
		a.count(fmt.Sprint("admin ", map[bool]int{true: 0, false: 1}[left[0]], " left"))
	})
}
