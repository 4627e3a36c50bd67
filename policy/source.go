package policy

import (
	"slices"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/tree"
)

// Source is a policy file that was read, before it is bound to a schema. It never changes.
type Source struct {
	file      string
	spec      *spec
	long      *tree.Node // the whole in the long form
	canonical []byte
	faults    Faults // those of meaning, reported with those that only the schema shows
}

// Parse reads a policy from text. The name stands for the file in messages. All that is wrong with its form is
// reported at once, as [Faults]; what is wrong with its meaning is reported by [Source.Bind].
func Parse(name string, text []byte) (*Source, error) {
	s, _, err := parse(name, text)
	return s, err
}

func parse(name string, text []byte) (s *Source, named []string, err error) {
	root, err := ParseNode(name, text)
	if err != nil {
		return nil, nil, err
	}
	r := &reader{file: name}
	r.strays(root)
	root = r.lengthen(root)
	spec := r.policy(root)
	r.refuseStrays()
	if slices.ContainsFunc(r.faults, func(f Fault) bool { return f.Code == "" }) {
		return nil, r.named, r.faults.sorted()
	}
	return &Source{file: name, spec: spec, long: root, canonical: canonical(root, r.attached), faults: r.faults}, r.named, nil
}

// Name is what the policy calls itself, possibly nothing.
func (s *Source) Name() string { return s.spec.name }

// spec is the content of a file.
type spec struct {
	name                 string
	claims               []claimSpec
	roles                []assignment
	tables               []tableSpec
	own                  []ownTable
	lookups              []lookupSpec
	defs                 []defSpec
	conflicts, changelog *feedSpec
	notify               *feedSpec
	routes               []routeSpec
	letters              letterSpec
	unknown              unknownMode
	closure              closureSpec
	settings
}

// word is a name in the file.
type word struct {
	text string
	pos  tree.Pos
}

// assignment gives something the value of an expression.
type assignment struct {
	to   word
	expr *tree.Node
}

type claimSpec struct {
	name     word
	path     []string
	typ      string
	required bool
	standin  expr.ClaimVal // the converted default, nil when required
}

type tableSpec struct {
	name                      word
	source                    string
	key                       word   // the key column, or what clients call a key of several
	parts                     []word // the columns of a key of several
	separator                 string
	columns                   []columnSpec
	immutable, server, ignore []word
	defaults                  []assignment
	sets                      []setSpec
	rules                     []ruleSpec
	vars                      []defSpec
	engine                    engine
	tenant                    word
	at                        tree.Pos // of what is said about it
	visible                   *tree.Node
	soft                      *softSpec
	states                    *statesSpec
	forbids, validates        []guardSpec
	conflict                  *conflictSpec
	counters                  []counterSpec
	changelog                 []word
}

type setSpec struct {
	on     ops
	when   *tree.Node
	values []assignment
	pos    tree.Pos
	path   string
}

type ruleSpec struct {
	name              word
	to                []word
	ops               ops
	row, using, check *tree.Node
	columns           []word
	acknowledged      bool
	message           messageSpec
	path              string
}

// ops is a set of verbs.
type ops uint8

func only(v writegate.Verb) ops         { return 1 << v }
func (o ops) has(v writegate.Verb) bool { return o&only(v) != 0 }

var verbs = map[string]writegate.Verb{"create": writegate.Insert, "update": writegate.Update, "delete": writegate.Remove}

// undelete is not a verb: it is an update of a deleted row.
const undelete ops = 1 << 7

const allOps = 1<<writegate.Insert | 1<<writegate.Update | 1<<writegate.Remove
