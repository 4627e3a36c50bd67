package writegate

import (
	"fmt"
	"maps"
	"testing"
)

// Three tables: items are written by members of the organisation that their project is of.
var (
	projects  = &Table{Name: "projects", Source: "projects", Key: "id", Columns: []*Column{{Name: "id"}, {Name: "org"}}}
	items     = &Table{Name: "items", Source: "items", Key: "id", Columns: []*Column{{Name: "id"}, {Name: "project"}, {Name: "n"}}}
	projectOf = &Lookup{Name: "project", Table: projects, By: []string{"id"}, Columns: []string{"org"}, Limit: 1, Lock: ForShare}
	memberOf  = &Lookup{Name: "member", Table: members, By: []string{"org", "role"}, Limit: 1, Lock: ForShare}
)

// membership lets members write items, and everybody the rest.
type membership struct {
	asks     bool
	foreseen int // calls of Foresee
}

func (*membership) Revision() string                        { return "membership" }
func (*membership) Batch() Batch                            { return Batch{} }
func (p *membership) Judge(Asking) (Judge, error)           { return p, nil }
func (*membership) Refused(*Error, *Op, string) Consequence { return Consequence{} }
func (*membership) Resolved(string) []Change                { return nil }
func (*membership) Claims() JSON                            { return "{}" }

func (p *membership) Admit(op *Op) (*Admitted, *Error) {
	table := map[string]*Table{"projects": projects, "items": items, "members": members}[op.Table]
	a := &Admitted{Op: op, Table: table, Key: op.ID, Values: op.Data, Asks: p.asks && table == items}
	for _, c := range table.Columns[1:] {
		a.Needs = append(a.Needs, c.Name)
	}
	return a, nil
}

func (p *membership) Foresee(a *Admitted, old Row, v View) Row {
	p.foreseen++
	if row := left(a, old); row != nil {
		p.may(a, row, v)
		return row
	}
	return old
}

func (p *membership) may(a *Admitted, row Row, v View) (may, known bool) {
	if a.Table != items {
		return true, true
	}
	of, known := v.Find(projectOf, []any{row["project"]})
	if !known || len(of) == 0 {
		return false, known
	}
	is, known := v.Find(memberOf, []any{of[0]["org"], "editor"})
	return len(is) > 0, known
}

func left(a *Admitted, old Row) Row {
	if a.Op.Kind == Delete || old == nil && a.Op.Kind == Patch {
		return nil
	}
	row := maps.Clone(old)
	if row == nil {
		row = Row{a.Table.Key: a.Key}
	}
	maps.Copy(row, a.Values)
	return row
}

func (p *membership) Decide(a *Admitted, old Row, v View) Decision {
	row := left(a, old)
	if row == nil {
		return Decision{}
	}
	switch may, known := p.may(a, row, v); {
	case !known:
		return Decision{Unknown: true}
	case !may:
		return Decision{Refusal: Refuse(Unauthorized, "not_writable", "no")}
	case old == nil:
		return Decision{Change: &Change{Verb: Insert, Table: a.Table, Key: a.Key, Set: a.Values}, New: row}
	}
	return Decision{Change: &Change{Verb: Update, Table: a.Table, Key: a.Key, Set: a.Values}, New: row}
}

// The number of statements is that of tables and of lookups in their depth, whatever the number of operations, and
// whether what is looked up is stored or comes with the upload.
func TestStatements(t *testing.T) {
	put := func(table, id string, data Row) Op { return Op{Kind: Put, Table: table, ID: id, Data: data} }
	for _, tt := range []struct {
		name         string
		ops          func(i int) []Op
		reads, finds int
	}{
		{"stored", func(i int) []Op {
			return []Op{put("items", fmt.Sprint("i", i), Row{"project": fmt.Sprint("p", i%7), "n": "1"})}
		}, 1, 2},
		{"the rows of the upload", func(i int) []Op {
			p := fmt.Sprint("new", i)
			return []Op{
				put("projects", p, Row{"org": "o" + p}), put("members", p, Row{"org": "o" + p, "role": "editor"}), put("items", "i"+p, Row{"project": p, "n": "1"}),
				{Kind: Patch, Table: "items", ID: "i" + p, Data: Row{"n": "2"}},
			}
		}, 3, 1},
		{"a row that is moved", func(i int) []Op {
			return []Op{
				{Kind: Patch, Table: "projects", ID: "p1", Data: Row{"org": fmt.Sprint("org", i)}},
				put("members", fmt.Sprint("m", i), Row{"org": fmt.Sprint("org", i), "role": "editor"}),
				put("items", fmt.Sprint("i", i), Row{"project": "p1", "n": "1"}),
			}
		}, 3, 1},
	} {
		for _, n := range []int{1, 10, 1000} {
			t.Run(fmt.Sprint(tt.name, " ", n), func(t *testing.T) {
				db := newFakeDB()
				for i := range 7 {
					db.rows[rowKey{"projects", fmt.Sprint("p", i)}] = Row{"org": fmt.Sprint("o", i%3)}
					db.rows[rowKey{"members", fmt.Sprint("x", i)}] = Row{"org": fmt.Sprint("o", i), "role": "editor"}
				}
				up := Upload{ClientID: "d", Transactions: []Transaction{{ID: 1}}}
				for i := range n {
					up.Transactions[0].Ops = append(up.Transactions[0].Ops, tt.ops(i)...)
				}
				for i := range up.Transactions[0].Ops {
					up.Transactions[0].Ops[i].OpID = int64(i + 1)
				}
				res := applyBy(t, &membership{asks: true}, db, Options{}, up)
				if res.Transactions[0].Status != Applied || res.Chunks != 1 || res.Slow != 0 {
					t.Fatal(summary(res), res.Transactions[0].Err)
				}
				if db.reads != tt.reads || db.finds != tt.finds {
					t.Errorf("%d reads of rows and %d lookups, want %d and %d", db.reads, db.finds, tt.reads, tt.finds)
				}
			})
		}
	}
}

// A policy that looks nothing up costs nothing more for those that do.
func TestNobodyAsks(t *testing.T) {
	pol := &membership{}
	applyBy(t, pol, newFakeDB(), Options{}, Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: []Op{{Kind: Put, Table: "projects", ID: "p", OpID: 1}}}}})
	if pol.foreseen != 0 {
		t.Errorf("Foresee was called %d times", pol.foreseen)
	}
}

// A judge that finds the answer to its question always missing is asked a few times, and then the operation is refused.
type hopeless struct{ membership }

func (p *hopeless) Judge(Asking) (Judge, error) { return p, nil }

func (p *hopeless) Decide(a *Admitted, old Row, v View) Decision {
	p.foreseen++
	v.Find(projectOf, []any{fmt.Sprint(p.foreseen)})
	return Decision{Unknown: true}
}

func TestQuestionsWithoutEnd(t *testing.T) {
	for _, asks := range []bool{false, true} {
		db := newFakeDB()
		pol := &hopeless{membership{asks: asks}}
		res := applyBy(t, pol, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: []Op{{Kind: Put, Table: "items", ID: "i", OpID: 1}}}}})
		check(t, "hopeless", res, "rejected[rejected]@0")
		if e := res.Transactions[0].Err; e.Reason != "policy.error" || db.finds > 2*maxRounds {
			t.Errorf("%v after %d lookups", e, db.finds)
		}
	}
}
