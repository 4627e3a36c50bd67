package applierstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"writegate"
	"writegate/appliers/memory"
	"writegate/policy"
)

// seedVariable repeats a history that failed.
const seedVariable = "WRITEGATE_TEST_SEED"

const (
	histories       = 6
	uploadsOfOne    = 40
	historyPolicies = `
policy: 1
name: history
engine: {batch: BATCH}
claims:
  sub: {type: text, required: true}
lookups:
  list_of: {table: lists, args: {id: text}, where: {id: $id}, select: [owner]}
  others: {table: items, args: {list: text}, where: {list: $list, label: x}, count: {limit: 1}}
tables:
  lists:
    default: {owner: claims.sub}
    rules:
      - {name: owner, ops: [create, update, delete], row: row.owner == claims.sub, columns: [owner, name, rank]}
  items:
    default: {n: "0"} # not where the database fills it
    rules:
      - {name: open, ops: [create, update, delete], row: row.n >= 0 && MAY, columns: [list, label, n, price, done, at, doc]}
  stock:
    key: {columns: [item, store]}
    put_existing: replace
    rules:
      - {name: keeper, ops: [create, update, delete], row: row.store != claims.sub && row.item < 3, columns: [qty, note]}
`
)

// mays are what the policy asks of items besides: nothing, the owner of the list, or that no other item of it is called x.
var mays = []string{"true", "row.list == null || list_of(row.list).?owner.orValue(claims.sub) == claims.sub", "row.list == null || others(row.list) == 0"}

var filledByPolicy = regexp.MustCompile(`(?m)^ *default: \{n: .*$`)

var historyTables = []TableDef{
	{Name: "lists", Columns: []ColumnDef{
		{Name: "owner", Type: writegate.Text, NotNull: true}, {Name: "name", Type: writegate.Text, Unique: true}, {Name: "rank", Type: writegate.Int},
	}},
	{Name: "items", Columns: []ColumnDef{
		{Name: "list", Type: writegate.Text},
		{Name: "label", Type: writegate.Text},
		{Name: "n", Type: writegate.Int, NotNull: true},
		{Name: "price", Type: writegate.Decimal},
		{Name: "done", Type: writegate.Bool},
		{Name: "at", Type: writegate.Timestamp},
		{Name: "doc", Type: writegate.Document},
	}, Unique: [][]string{{"list", "label"}}},
	stock,
}

// histories applies the same random uploads to the driver and to the model, and compares every answer and,
// after each upload, every row. Uploads are sent again, in other groups, by other users, with answers lost. The
// model, which comes last, applies each transaction apart.
func (s *suite) histories(t *testing.T) {
	seeds := make([]uint64, histories)
	for i := range seeds {
		seeds[i] = uint64(time.Now().UnixNano()) + uint64(i)
	}
	if text := os.Getenv(seedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
		seeds = []uint64{seed}
	}
	for _, seed := range seeds {
		ok := t.Run("random", func(t *testing.T) {
			h := &history{rand: rand.New(rand.NewPCG(seed, 1)), next: map[string]int64{}}
			batch := []string{"atomic", "per_op"}[h.rand.IntN(2)]
			h.words = strings.NewReplacer("BATCH", batch, "MAY", "("+mays[h.rand.IntN(len(mays))]+")")
			tables := s.historyTables(h.rand, batch == "atomic")
			h.apart = comparesApart(tables)
			h.side(t, s, tables)
			h.side(t, &suite{Harness: modelHarness}, tables)
			for i := range uploadsOfOne {
				h.step(t, i)
				if t.Failed() {
					t.Fatalf("to see it again: %s=%d", seedVariable, seed)
				}
			}
		})
		if !ok {
			return
		}
	}
}

var modelHarness = Harness{Name: "memory", Open: func(t *testing.T) *Instance {
	db, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return Memory(db)
}}

// historyTables sometimes adds a foreign key of one kind or the other, and sometimes leaves it to the database to
// fill columns, instead of to the policy. A key that is checked at the commit is for transactions that are refused whole:
// where one operation is, some databases name the table.
func (s *suite) historyTables(r *rand.Rand, whole bool) []TableDef {
	tables := slices.Clone(historyTables)
	_, noDefaults := s.Without[Defaults]
	if r.IntN(2) == 0 && !noDefaults {
		for i, column := range []string{"rank", "n"} {
			columns := slices.Clone(tables[i].Columns)
			at := slices.IndexFunc(columns, func(c ColumnDef) bool { return c.Name == column })
			columns[at].Default, tables[i].Columns = int64(1-i), columns
		}
	}
	_, noKeys := s.Without[ForeignKeys]
	_, noDeferred := s.Without[Deferred]
	f := ForeignKey{Column: "list", Parent: "lists", Cascade: r.IntN(2) == 0, Deferred: r.IntN(2) == 0 && !noDeferred && whole}
	if !noKeys && r.IntN(3) > 0 {
		tables[1].ForeignKeys = []ForeignKey{f}
	}
	return tables
}

// comparesApart tells whether uploads have to leave the same, and say so, however they are cut into database
// transactions. A reference to a row of a later transaction, checked at commit, needs that one beside it, and a
// change to what the database filled in the same transaction is written without looking whether it is one.
func comparesApart(tables []TableDef) bool {
	return !slices.ContainsFunc(tables, func(def TableDef) bool {
		return slices.ContainsFunc(def.Columns, func(c ColumnDef) bool { return c.Default != nil }) ||
			slices.ContainsFunc(def.ForeignKeys, func(f ForeignKey) bool { return f.Deferred })
	})
}

// history is one run of random uploads against two databases.
type history struct {
	rand  *rand.Rand
	sides []*player
	next  map[string]int64 // operation id by device
	sent  []*writegate.Upload
	words *strings.Replacer // what the policy says in this history
	apart bool              // the model applies each transaction in a database transaction of its own
}

func (h *history) side(t *testing.T, s *suite, tables []TableDef) {
	t.Helper()
	p := &player{s: s, t: t, db: s.open(t, tables...)}
	text := h.words.Replace(historyPolicies)
	if p.db.schema["items"].Column("n").HasDefault {
		text = filledByPolicy.ReplaceAllLiteralString(text, "")
	}
	source, err := policy.Parse("history.yaml", []byte(text))
	p.db.no(err)
	p.pol, err = source.Bind(p.db.schema)
	p.db.no(err)
	h.sides = append(h.sides, p)
}

func (h *history) step(t *testing.T, i int) {
	t.Helper()
	up := h.upload()
	user := fmt.Sprintf("u%d", h.rand.IntN(3))
	var words []string
	for _, word := range []string{"stop", "lost", "chunk=1", "chunk=4", "times=2", "together=4"} {
		if h.rand.IntN(8) == 0 && (up.ClientID != "" || word == "stop" || strings.HasPrefix(word, "chunk")) {
			words = append(words, word)
		}
	}
	h.sent = append(h.sent, up)
	answers := make([]string, len(h.sides))
	contents := make([]string, len(h.sides))
	for j, side := range h.sides {
		side.last = up
		if h.apart && side.s.Name == modelHarness.Name && !slices.Contains(words, "lost") {
			words = append(words, "chunk=1")
		}
		answers[j] = withoutReused(side.send(user, words))
		contents[j] = side.db.content("lists") + "\n" + side.db.content("items") + "\n" + side.db.content("stock")
	}
	if answers[0] != answers[1] || contents[0] != contents[1] {
		text, _ := json.MarshalIndent(up, "", " ")
		t.Errorf("upload %d of %s, %v:\n%s\n%s answers\n%s\n%s answers\n%s\nrows are\n%s\nand\n%s", i, user, words, text,
			h.sides[0].s.Name, answers[0], h.sides[1].s.Name, answers[1], contents[0], contents[1])
	}
}

// upload makes a new upload, or one that repeats and regroups operations that were sent before.
func (h *history) upload() *writegate.Upload {
	if len(h.sent) > 0 && h.rand.IntN(3) == 0 {
		return h.repeat(h.sent[h.rand.IntN(len(h.sent))])
	}
	up := &writegate.Upload{ClientID: []string{"d1", "d2", "d3", ""}[h.rand.IntN(4)]}
	for range 1 + h.rand.IntN(5) {
		tx := writegate.Transaction{ID: h.next[up.ClientID] + 1}
		for range 1 + h.rand.IntN(4) {
			op := h.op()
			h.next[up.ClientID]++
			if op.OpID = h.next[up.ClientID]; h.rand.IntN(20) == 0 {
				op.OpID = 1 + h.rand.Int64N(op.OpID)
			}
			tx.Ops = append(tx.Ops, op)
		}
		up.Transactions = append(up.Transactions, tx)
	}
	return up
}

func (h *history) repeat(old *writegate.Upload) *writegate.Upload {
	up := &writegate.Upload{ClientID: old.ClientID}
	for _, tx := range old.Transactions {
		if n := len(up.Transactions); n > 0 && h.rand.IntN(4) == 0 {
			last := &up.Transactions[n-1]
			last.Ops = append(slices.Clip(last.Ops), tx.Ops...)
			continue
		}
		cut := h.rand.IntN(len(tx.Ops) + 1)
		if cut > 0 && cut < len(tx.Ops) && h.rand.IntN(2) == 0 {
			up.Transactions = append(up.Transactions, writegate.Transaction{ID: tx.ID, Ops: tx.Ops[:cut]})
			tx.Ops = tx.Ops[cut:]
		}
		up.Transactions = append(up.Transactions, tx)
	}
	if h.rand.IntN(2) == 0 {
		n := 1 + h.rand.IntN(len(up.Transactions))
		up.Transactions = up.Transactions[:n]
	}
	return up
}

// op makes an operation on one of few rows, so that operations meet.
func (h *history) op() writegate.Op {
	pick := func(words ...any) any { return words[h.rand.IntN(len(words))] }
	number := func(n int) json.Number { return json.Number(strconv.Itoa(h.rand.IntN(n))) }
	op := writegate.Op{Kind: pick(writegate.Put, writegate.Put, writegate.Patch, writegate.Patch, writegate.Delete).(writegate.Kind)}
	op.Table = pick("lists", "items", "items", "stock").(string)
	if h.rand.IntN(60) == 0 {
		op.Table = "nowhere"
	}
	op.ID = fmt.Sprintf("r%d", h.rand.IntN(5))
	if op.Table == "stock" {
		op.ID = pick("0.u0", "0.u1", "0.u2", "1.u0", "1.u1", "3.u0", "0", "0.u0.u1", ".").(string)
	}
	if op.Kind == writegate.Delete {
		return op
	}
	all := writegate.Row{
		"owner": pick("u0", "u1", "u2"), "name": pick("a", "b", "c", "d", nil), "rank": number(4),
	}
	if op.Table == "items" {
		all = writegate.Row{
			"list": pick("r0", "r1", "r2", "r3", "r4", nil), "label": pick("x", "y", "z", nil), "n": pick(number(3), number(3), json.Number("-1"), "2", "x"),
			"price": pick("1.50", json.Number("1.5"), "12345678901234567890.5", nil), "done": pick(json.Number("0"), "1", true, nil),
			"at": pick("2026-08-21", "2026-08-21 00:00:00", "2026-08-21T02:00:00+02:00", nil), "doc": pick(`{"a":1}`, writegate.JSON(`{ "a": 1 }`), `[]`, nil),
		}
	}
	if op.Table == "stock" {
		all = writegate.Row{"item": pick(json.Number("0"), "1", "x"), "store": pick(op.ID[min(2, len(op.ID)):], "u1"), "qty": number(3), "note": pick("a", "b", "c", nil)}
	}
	op.Data = writegate.Row{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if h.rand.IntN(2) == 0 {
			op.Data[name] = all[name]
		}
	}
	return op
}
