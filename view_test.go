package writegate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// members is a table that is looked up in the tests. The database fills its column role.
var members = &Table{Name: "members", Source: "members", Key: "id", Columns: []*Column{
	{Name: "id"}, {Name: "org"}, {Name: "role", HasDefault: true}, {Name: "gone", Nullable: true},
}}

var memberLookups = []*Lookup{
	{Name: "one", Table: members, By: []string{"id"}, Columns: []string{"gone", "org", "role"}, Limit: 1},
	{Name: "admins", Table: members, By: []string{"org", "role"}, Null: []string{"gone"}, Limit: 2, Others: true},
	{Name: "list", Table: members, By: []string{"org"}, Columns: []string{"gone", "role"}, Limit: 3},
	{Name: "present", Table: members, Null: []string{"gone"}, Limit: 2},
	{Name: "in", Table: members, By: []string{"id", "org"}, Columns: []string{"role"}, Limit: 1, Others: true},
}

// prober is a policy that asks lookups at random before it decides, and holds the answers against rows that it changes
// itself. It refuses what says "refuse".
type prober struct {
	t     *testing.T
	db    *fakeDB
	tx    map[*Op]int     // the transaction of an operation
	asks  map[*Op][]probe // what it looks up
	rows  map[any]Row     // as they are now
	begun map[any]Row     // as they were at the begin of the transaction
	now   int             // the transaction
	known int             // answers compared
	late  int             // and how often they were not there at once
}

func newProber(t *testing.T, db *fakeDB) *prober {
	return &prober{t: t, db: db, tx: map[*Op]int{}, asks: map[*Op][]probe{}}
}

func (p *prober) apply(up *Upload) *Result {
	p.t.Helper()
	for i := range up.Transactions {
		for j := range up.Transactions[i].Ops {
			p.tx[&up.Transactions[i].Ops[j]] = i
		}
	}
	pipe := NewPipeline(p.db, Options{OnStage: func(stage string) {
		if stage == StageClaimed {
			p.rows, p.begun, p.now = maps.Clone(p.db.rows), maps.Clone(p.db.rows), -1
		}
	}})
	res, err := pipe.Apply(p.t.Context(), ann, p, up)
	if err != nil || res.Err != nil {
		p.t.Fatal(err, res.Err)
	}
	return res
}

type probe struct {
	*Lookup
	values []any
}

func (p *prober) Revision() string                        { return "probe" }
func (p *prober) Batch() Batch                            { return Batch{} }
func (p *prober) Judge(Asking) (Judge, error)             { return p, nil }
func (p *prober) Refused(*Error, *Op, string) Consequence { return Consequence{} }
func (p *prober) Resolved(string) []Change                { return nil }
func (p *prober) Claims() JSON                            { return "{}" }

func (p *prober) Admit(op *Op) (*Admitted, *Error) {
	return &Admitted{Op: op, Table: members, Key: op.ID, Values: op.Data, Needs: []string{"gone", "org", "role"}, Asks: true}, nil
}

func (p *prober) Foresee(a *Admitted, old Row, v View) Row {
	for _, q := range p.asks[a.Op] {
		v.Find(q.Lookup, q.values)
	}
	if a.Op.ID > "m5" { // some are not foreseen
		return old
	}
	return p.decide(a, old).New
}

func (p *prober) Decide(a *Admitted, old Row, v View) Decision {
	if p.tx[a.Op] != p.now {
		p.now, p.begun = p.tx[a.Op], maps.Clone(p.rows)
	}
	unknown := false
	for _, q := range p.asks[a.Op] {
		got, ok := v.Find(q.Lookup, q.values)
		if !ok {
			p.late++
			unknown = true
			continue
		}
		p.known++
		p.compare(a, q, got)
	}
	if unknown {
		return Decision{Unknown: true}
	}
	d := p.decide(a, old)
	if d.Refusal != nil {
		p.rows = maps.Clone(p.begun)
	} else if d.Change != nil {
		p.db.write(p.rows, d.Change)
	}
	return d
}

func (p *prober) decide(a *Admitted, old Row) Decision {
	switch {
	case a.Values["org"] == "refuse":
		return Decision{Refusal: Refuse(Unauthorized, "not_writable", "no"), New: old}
	case old == nil && a.Op.Kind != Put:
		return Decision{}
	case a.Op.Kind == Delete:
		return Decision{Change: &Change{Verb: Remove, Table: members, Key: a.Key}}
	case old == nil:
		row := Row{"id": a.Key, "gone": nil}
		maps.Copy(row, a.Values)
		return Decision{Change: &Change{Verb: Insert, Table: members, Key: a.Key, Set: a.Values}, New: row}
	}
	row := maps.Clone(old)
	maps.Copy(row, a.Values)
	return Decision{Change: &Change{Verb: Update, Table: members, Key: a.Key, Set: a.Values}, New: row}
}

// exact tells what lookups mean.
var exact fakeDB

// compare holds an answer against the rows.
func (p *prober) compare(a *Admitted, q probe, got []Row) {
	var want []Row
	for where, row := range p.rows {
		key := where.(rowKey).key
		if !exact.answers(&Find{Lookup: q.Lookup}, key, row, q.values) || q.Others && key == a.Key {
			continue
		}
		part := Row{"id": key}
		for _, name := range slices.Concat(q.By, q.Null, q.Columns) {
			if name != "id" {
				part[name] = row[name]
			}
		}
		want = append(want, part)
	}
	for i, row := range got {
		part := Row{"id": row["id"]}
		for _, name := range slices.Concat(q.By, q.Null, q.Columns) {
			part[name] = row[name]
		}
		got = slices.Clone(got)
		got[i] = part
	}
	byKey := func(a, b Row) int { return compareKeys(a["id"], b["id"]) }
	if slices.SortFunc(want, byKey); !slices.IsSortedFunc(got, byKey) {
		p.t.Errorf("%s: not in order: %v", q.Name, got)
	}
	if len(want) > q.Limit { // any of them, and one more than wanted tells that there are
		some := slices.DeleteFunc(slices.Clone(want), func(row Row) bool {
			return !slices.ContainsFunc(got, func(g Row) bool { return g["id"] == row["id"] })
		})
		if want = some; len(got) != q.Limit+1 {
			p.t.Errorf("%s%v: %d rows, want %d", q.Name, q.values, len(got), q.Limit+1)
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		p.t.Errorf("%s %s: %s%v (-want +got):\n%s", a.Op.Kind, a.Op.ID, q.Name, q.values, diff)
	}
}

// What lookups answer is what the database would, had it been given all changes so far: whatever was refused, whatever
// it did by itself, and however few rows of an answer were read.
func TestViewAgreesWithTheDatabase(t *testing.T) {
	for n := range 400 {
		seed := uint64(time.Now().UnixNano()) + uint64(n)
		r := rand.New(rand.NewPCG(seed, 7))
		pick := func(words ...any) any { return words[r.IntN(len(words))] }
		db := newFakeDB()
		for i := range r.IntN(8) {
			db.rows[rowKey{"members", fmt.Sprint("m", i)}] = Row{"org": pick("x", "y", nil), "role": pick("default", "admin"), "gone": pick(nil, "1")}
		}
		if r.IntN(3) == 0 { // everybody of an organisation is affected
			members.Reacts = []Verb{Update}
			db.react = func(rows map[any]Row, c *Change) {
				for where, row := range rows {
					if c.Verb == Update && row["org"] == "y" {
						row = maps.Clone(row)
						row["gone"] = fmt.Sprint(len(rows))
						rows[where] = row
					}
				}
			}
		}
		p := newProber(t, db)
		up := &Upload{ClientID: "d"}
		id := int64(0)
		for range 1 + r.IntN(12) {
			tx := Transaction{ID: id + 1}
			for range 1 + r.IntN(4) {
				id++
				op := Op{Kind: pick(Put, Put, Patch, Patch, Delete).(Kind), Table: "members", ID: fmt.Sprint("m", r.IntN(8)), OpID: id, Data: Row{}}
				for _, name := range []string{"org", "role", "gone"} {
					if r.IntN(2) == 0 {
						op.Data[name] = map[string]any{"org": pick("x", "y", "x", "y", nil, "refuse"), "role": pick("default", "admin"), "gone": pick(nil, nil, "1")}[name]
					}
				}
				if op.Kind == Put && op.Data["org"] == nil {
					op.Data["org"] = "x"
				}
				tx.Ops = append(tx.Ops, op)
			}
			up.Transactions = append(up.Transactions, tx)
		}
		for i := range up.Transactions {
			for j := range up.Transactions[i].Ops {
				op := &up.Transactions[i].Ops[j]
				for range r.IntN(3) {
					q := probe{Lookup: memberLookups[r.IntN(len(memberLookups))]}
					for _, name := range q.By {
						q.values = append(q.values, map[string]any{"id": pick("m1", "m2", "m3"), "org": pick("x", "y", "x", "y", nil), "role": pick("default", "admin")}[name])
					}
					if !slices.Contains(q.values, nil) {
						p.asks[op] = append(p.asks[op], q)
					}
				}
			}
		}
		res := p.apply(up)
		members.Reacts = nil
		if res.Slow == 0 {
			if diff := cmp.Diff(p.rows, db.rows); diff != "" {
				t.Errorf("rows (-expected +database):\n%s", diff)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// Rows that the upload changes are taken out of what was read. Where too few are left of a list that was cut short, it
// is read again, once for many.
func TestManyRowsTakenOut(t *testing.T) {
	for _, tt := range []struct{ moved, finds int }{{90, 1}, {149, 2}} {
		db := newFakeDB()
		for i := range 150 {
			db.rows[rowKey{"members", fmt.Sprintf("m%03d", i)}] = Row{"org": "x", "role": "admin", "gone": nil}
		}
		p := newProber(t, db)
		up := &Upload{ClientID: "d"}
		for i := range int64(tt.moved) {
			op := Op{Kind: Patch, Table: "members", ID: fmt.Sprintf("m%03d", i), OpID: i + 1, Data: Row{"org": "y"}}
			up.Transactions = append(up.Transactions, Transaction{ID: i + 1, Ops: []Op{op}})
		}
		for i := range up.Transactions {
			p.asks[&up.Transactions[i].Ops[0]] = []probe{{memberLookups[2], []any{"x"}}, {memberLookups[1], []any{"x", "admin"}}}
		}
		p.apply(up)
		if want := len(memberLookups[1:3]) * tt.finds; db.finds > want {
			t.Errorf("%d moved: %d lookups read, want at most %d", tt.moved, db.finds, want)
		}
	}
}

// What a database takes for the same and is not counts for nothing, and where it may stand in the place of a row that
// counts, nothing is known.
func TestRowsThatAreNoAnswer(t *testing.T) {
	for _, tt := range []struct {
		strays int
		want   string
	}{{3, "applied[applied]"}, {9, "rejected[rejected]@0"}} {
		db := newFakeDB()
		db.loose = true
		for i := range tt.strays {
			db.rows[rowKey{"members", fmt.Sprint("stray", i)}] = Row{"org": "X", "role": "admin", "gone": nil}
		}
		p := newProber(t, db)
		up := &Upload{ClientID: "d", Transactions: []Transaction{{Ops: []Op{{Kind: Put, Table: "members", ID: "m", OpID: 1, Data: Row{"org": "z"}}}}}}
		p.asks[&up.Transactions[0].Ops[0]] = []probe{{memberLookups[2], []any{"x"}}}
		check(t, fmt.Sprint(tt.strays, " strays"), p.apply(up), tt.want)
	}
}
