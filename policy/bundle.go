// Package policy decides what each caller may write. A policy is a YAML file with conditions in CEL; it is
// read ([Parse]), bound to an introspected schema ([Source.Bind]) and then judges operations one by one,
// without any I/O. What no rule grants is refused.
package policy

import (
	"time"

	"writegate"
	"writegate/policy/internal/expr"
)

var _ writegate.Policy = (*Bundle)(nil)

// Bundle is a policy bound to a schema. It never changes and may be used concurrently.
type Bundle struct {
	revision string
	claims   []claimSpec
	roles    []*expr.Program
	tables   map[string]*table
	warnings Faults
	settings settings
	// conflicts and changelog are where conflicts and changes are told, nil for nowhere.
	conflicts, changelog *feed
	outlet               outlet
	closure              closure
	script               script
}

// Revision identifies the rules and the schema they were bound to: "sha256:" and 16 hexadecimal digits.
func (b *Bundle) Revision() string { return b.revision }

// Warnings are doubts about the policy that do not keep it from loading.
func (b *Bundle) Warnings() Faults { return b.warnings }

// Batch says how the operations of one transaction hang together.
func (b *Bundle) Batch() writegate.Batch { return b.settings.batch }

// Judge binds the policy to a caller and an instant. A required claim that the token lacks, or a claim of
// another type than declared, is an [*writegate.Error] of class Forbidden that names it.
func (b *Bundle) Judge(a writegate.Asking) (writegate.Judge, error) {
	claims, err := b.mapClaims(a.Caller)
	if err != nil {
		return nil, err
	}
	j := &judge{bundle: b, caller: a.Caller, clientID: a.ClientID, late: a.Late, vars: expr.NewVars(claims, a.Now), roles: make([]bool, len(b.roles))}
	j.subject, j.now = a.Caller.Subject, a.Now.UTC().Truncate(time.Microsecond)
	for i, role := range b.roles {
		answer, _ := role.Test(j.vars) // a condition that fails gives nobody the role
		j.roles[i] = answer == expr.Yes
	}
	return j, nil
}

// table is what the bundle knows of one table. The slices of rules are in the order of the file.
type table struct {
	meta    *writegate.Table
	key     *column
	columns map[string]*column
	creates []*rule
	updates []*rule
	removes []*rule
	// undeletes are asked instead of updates where a deleted row is to be restored.
	undeletes []*rule
	visible   *expr.Program // who may know of a row; nil for those whom some rule shows it to
	soft      *soft         // nil where deleted rows are removed
	states    *states
	forbids   map[writegate.Verb][]guard
	validates map[writegate.Verb][]guard
	programs  map[writegate.Verb][]*expr.Program // all that an operation may run, each once
	asking    map[writegate.Verb][]*expr.Program // those of them that look something up
	hears     bool                               // some of them ask for what came with the operation
	defaults  []value
	sets      map[writegate.Verb][]set
	// needs lists what a decision on a stored row reads besides the columns that the client sent.
	needsChange, needsRemove []string
	engine                   engine
	version                  *column // whose previous value is the base version of a change, nil for none
	conflict                 *conflict
	counters                 []*counter
	logged                   []*column // what the change log tells of
}

// column is one column of a table that exists in the database.
type column struct {
	*writegate.Column
	mode      mode
	immutable bool
	qualified string // table.column, for messages
	part      bool   // of the key
	managed   bool   // by conflict: or counters:, whatever rules list it
	counter   *counter
	unit      time.Duration // of the numbers that clients send for a time, 0 where they send text
	// trim takes away the white space around texts. checks are what then has to hold for every value but null, in their
	// order, and message is what is said otherwise, blank for what each says itself.
	trim    bool
	checks  []check
	message string
	// decode makes what the driver takes of what clients send, other than null. Nil leaves it as it is.
	decode func(wire any) (any, error)
}

// accept makes the stored value of what a client sent.
func (c *column) accept(wire any) (any, error) {
	if c.counter != nil {
		return c.counter.accept(wire)
	}
	if c.decode != nil && wire != nil {
		decoded, err := c.decode(wire)
		if err != nil {
			return nil, err
		}
		wire = decoded
	}
	return c.Convert(wire)
}

// mode says what becomes of a column that a client sends.
type mode uint8

const (
	unlisted mode = iota // refused: no rule lists it
	listed               // some rule lists it, or it is immutable and may be repeated
	server               // refused: only the server writes it
	dropped              // accepted and left out
)

// rule is one grant. It holds as a whole or not at all. A missing program always holds.
type rule struct {
	name string
	to   []int // roles, any of which suffices; none means everybody
	// old is about the stored row, create and update are about the resulting one.
	old, create, update *expr.Program
	columns             map[string]bool
	replaced            []*column // what a replacing PUT sets to null when it leaves it out
	// message explains why the rule does not hold for the resulting row, to those for whom it holds for the stored one. Nil
	// says nothing.
	message *message
}

// set is server-made values and when they apply.
type set struct {
	when   *expr.Program
	values []value
}

// value is the expression for a column.
type value struct {
	col *column
	run *expr.Program
}
