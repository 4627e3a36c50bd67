package acceptance

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/appliers/references"
	"writegate/policy"
	"writegate/server/dialect"
)

// number is how each engine numbers the rows of a table.
var number = map[string]string{
	"sqlite":   "INTEGER PRIMARY KEY",
	"postgres": "bigint generated always as identity primary key",
	"mysql":    "bigint auto_increment primary key",
	"mariadb":  "bigint auto_increment primary key",
}

// numberedTables are as a server that numbers its rows has them; clients know rows by their UUIDs.
func numberedTables(engine, onDelete string) []string {
	id, uuid := number[engine], "{text}"
	if id == "" {
		panic("how does " + engine + " number rows?")
	}
	if engine == "postgres" {
		uuid = "uuid"
	}
	return []string{
		`create table lists (id ` + id + `, uuid ` + uuid + ` not null unique, name {text} unique, owner_id {text} not null)`,
		`create table todos (id ` + id + `, uuid ` + uuid + ` not null unique, list_id {int} references lists (id) ` + onDelete + `,
			parent_id {int} references todos (id) ` + onDelete + `, note {text}, owner_id {text} not null)`,
	}
}

// plainTables are the same without numbers.
func plainTables(onDelete string) []string {
	return []string{
		`create table lists (uuid {text} primary key, name {text} unique, owner_id {text} not null)`,
		`create table todos (uuid {text} primary key, list_uuid {text} references lists (uuid) ` + onDelete + `,
			parent_uuid {text} references todos (uuid) ` + onDelete + `, note {text}, owner_id {text} not null)`,
	}
}

// frozen is a list whose todos nobody may touch: a rule reads the UUID.
const frozen = "00000000-0000-4000-8000-000000000009"

// plainPolicy and numberedPolicy say the same of the two.
var (
	plainPolicy    = strings.Replace(referencesPolicy, "REFERENCES", "", 1)
	numberedPolicy = strings.Replace(referencesPolicy, "REFERENCES", `    columns:
      list_uuid: {source: list_id, references: {table: lists, column: id}}
      parent_uuid: {source: parent_id, references: {table: todos, column: id}}
`, 1)
)

const referencesPolicy = `policy: 1
claims:
  sub: {path: sub, type: text, required: true}
tables:
  lists:
    key: {column: uuid}
    immutable: [uuid]
    rules:
      - {name: owner, ops: [create, update, delete], row: row.owner_id == claims.sub, columns: [name, owner_id]}
  todos:
    key: {column: uuid}
    immutable: [uuid]
REFERENCES    rules:
      - {name: owner, ops: [create, update, delete], row: row.owner_id == claims.sub && row.list_uuid != "` + frozen + `", columns: [list_uuid, parent_uuid, note, owner_id]}
`

// useReferences binds a policy that has references.
func (s *stage) useReferences(text string) {
	s.t.Helper()
	s.applier = references.New(s.applier)
	s.pipeline = writegate.NewPipeline(s.applier, writegate.Options{})
	s.use(text)
}

const (
	numberedTodos = `select t.uuid || ': list ' || coalesce('' || l.uuid, 'none') || ', parent ' || coalesce('' || p.uuid, 'none') || ', ' || coalesce(t.note, '') || ', ' || t.owner_id
		from todos t left join lists l on l.id = t.list_id left join todos p on p.id = t.parent_id order by 1`
	plainTodos = `select uuid || ': list ' || coalesce(list_uuid, 'none') || ', parent ' || coalesce(parent_uuid, 'none') || ', ' || coalesce(note, '') || ', ' || owner_id from todos order by 1`
)

func uuid(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// ops makes an upload of one transaction from lines such as "PUT todos 1 list_uuid=2 note=x"; a number stands for
// the UUID that ends with it.
func ops(device string, first int, lines ...string) entry {
	crud := make([]entry, len(lines))
	for i, line := range lines {
		words := strings.Fields(line)
		n, _ := strconv.Atoi(words[2])
		data := entry{}
		if words[0] == "PUT" {
			data["owner_id"] = "u1"
		}
		for _, word := range words[3:] {
			name, value, _ := strings.Cut(word, "=")
			switch n, err := strconv.Atoi(value); {
			case value == "null":
				data[name] = nil
			case err == nil:
				data[name] = uuid(n)
			default:
				data[name] = value
			}
		}
		crud[i] = entry{"op": words[0], "table": words[1], "id": uuid(n), "op_id": first + i, "op_data": data}
	}
	return entry{"client_id": device, "transactions": []entry{{"transaction_id": first, "crud": crud}}}
}

// together makes one upload of the transactions of several.
func together(uploads ...entry) entry {
	all := uploads[0]
	for _, up := range uploads[1:] {
		all["transactions"] = append(all["transactions"].([]entry), up["transactions"].([]entry)...)
	}
	return all
}

// TestReferences sends what a client that knows rows by UUIDs writes to a server that numbers them.
func TestReferences(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s := e.open(t, e.ddl(numberedTables(e.name, "")))
			s.useReferences(numberedPolicy)
			send := func(what string, body entry, want ...string) {
				t.Helper()
				for _, again := range []string{"", ", sent again"} {
					if diff := cmp.Diff(want, outcome(s.apply(body))); diff != "" {
						t.Errorf("%s%s (-want +got):\n%s", what, again, diff)
					}
				}
			}
			rows := func(want ...string) {
				t.Helper()
				if diff := cmp.Diff(want, s.rows(numberedTodos)); diff != "" {
					t.Errorf("todos (-want +got):\n%s", diff)
				}
			}
			line := func(todo, list, parent int, note string) string {
				name := func(n int) string {
					if n == 0 {
						return "none"
					}
					return uuid(n)
				}
				return fmt.Sprintf("%s: list %s, parent %s, %s, u1", uuid(todo), name(list), name(parent), note)
			}
			send("parent and child in one transaction", ops("d1", 1, "PUT lists 1 name=a", "PUT todos 1 list_uuid=1 note=x", "PUT todos 2 list_uuid=1 parent_uuid=1"), "applied")
			send("across the transactions of one upload", together(ops("d1", 10, "PUT lists 2 name=b"), ops("d1", 11, "PUT todos 3 list_uuid=2")), "applied", "applied")
			send("across uploads", ops("d1", 20, "PUT todos 4 list_uuid=2 parent_uuid=2"), "applied")
			rows(line(1, 1, 0, "x"), line(2, 1, 1, ""), line(3, 2, 0, ""), line(4, 2, 2, ""))
			send("another list, none, the same", ops("d1", 30, "PATCH todos 1 list_uuid=2", "PATCH todos 2 list_uuid=null parent_uuid=null", "PATCH todos 3 list_uuid=2"), "applied")
			send("a copy of what is there", ops("d2", 1, "PUT todos 4 list_uuid=2 parent_uuid=2"), "noop")
			rows(line(1, 2, 0, "x"), line(2, 0, 0, ""), line(3, 2, 0, ""), line(4, 2, 2, ""))
			send("no such list", together(ops("d1", 40, "PUT todos 5 list_uuid=1"), ops("d1", 41, "PUT todos 6 list_uuid=1", "PATCH todos 5 list_uuid=7"), ops("d1", 50, "PUT todos 7 list_uuid=1")),
				"applied", "rejected 1 FOREIGN_KEY_VIOLATION reference.missing todos.list_uuid", "applied")
			send("a list that comes too late", ops("d1", 60, "PUT todos 8 list_uuid=3", "PUT lists 3 name=c"), "rejected 0 FOREIGN_KEY_VIOLATION reference.missing todos.list_uuid")
			send("a list that goes, and one that comes in its place", ops("d1", 70, "PUT lists 4 name=d", "PUT todos 9 list_uuid=4", "DELETE todos 9", "DELETE lists 4", "PUT lists 4 name=e", "PUT todos 9 list_uuid=4"), "applied")
			send("a rule reads the UUID", together(ops("d1", 80, "PUT lists 9 name=f"), ops("d1", 81, "PATCH todos 9 list_uuid=9"), ops("d1", 82, "PATCH todos 9 note=y")),
				"applied", "rejected 0 UNAUTHORIZED not_writable todos.", "applied")
			send("a list that others refer to", ops("d1", 90, "DELETE lists 2"), "rejected 0 FOREIGN_KEY_VIOLATION  lists.")
			unknown := "rejected 0 FOREIGN_KEY_VIOLATION reference.missing todos.list_uuid"
			if e.name == "postgres" { // its key is a UUID, elsewhere it is any text
				unknown = "rejected 0 INVALID_DATA column.type todos.list_uuid"
			}
			send("no UUID", ops("d1", 95, "PATCH todos 9 list_uuid=x"), unknown)
			rows(line(1, 2, 0, "x"), line(2, 0, 0, ""), line(3, 2, 0, ""), line(4, 2, 2, ""), line(5, 1, 0, ""), line(7, 1, 0, ""), line(9, 4, 0, "y"))
			if _, err := s.sql.ExecContext(t.Context(), "update todos set list_id = (select id from lists where uuid = '"+frozen+"') where uuid = '"+uuid(7)+"'"); err != nil {
				t.Fatal(err)
			}
			send("a stored UUID that a rule reads", ops("d1", 100, "PATCH todos 7 note=z"), "noop")
			if e.name == "sqlite" { // which checks foreign keys for those only who ask for it
				if _, err := s.sql.ExecContext(t.Context(), "update todos set parent_id = 999 where uuid = '"+uuid(1)+"'"); err != nil {
					t.Fatal(err)
				}
			}
			checkSnapshot(t, s)
		})
	}
}

// outcome is the outcome of each transaction, with the place and the cause of a refusal.
func outcome(res *writegate.Result) []string {
	var out []string
	for _, tx := range res.Transactions {
		text := string(tx.Status)
		if tx.Status == writegate.Applied && !slices.ContainsFunc(tx.Ops, func(op writegate.OpResult) bool { return op.Status == writegate.Applied }) {
			text = string(writegate.Noop)
		}
		if tx.Err != nil {
			text += fmt.Sprintf(" %d %s %s %s.%s", tx.Failed, tx.Err.Code, tx.Err.Reason, tx.Err.Table, tx.Err.Column)
		}
		out = append(out, text)
	}
	return out
}

// checkSnapshot holds what is sent down to the names and keys that clients send up.
func checkSnapshot(t *testing.T, s *stage) {
	t.Helper()
	lists := map[string]bool{}
	var todos []string
	db := s.applier.(*references.DB)
	err := db.Snapshot(t.Context(), []string{"todos", "lists"}, func(table, id string, data []byte) error {
		row := map[string]any{}
		if err := json.Unmarshal(data, &row); err != nil {
			return err
		}
		if table == "lists" {
			lists[id] = true
			return nil
		}
		text := func(name string) string {
			if v, sent := row[name]; !sent {
				t.Errorf("%s is not sent", name)
			} else if v == nil {
				return "none"
			}
			return row[name].(string)
		}
		if _, shown := row["list_id"]; shown || table != "todos" {
			t.Errorf("table %s, row %s", table, data)
		}
		note, _ := row["note"].(string)
		todos = append(todos, fmt.Sprintf("%s: list %s, parent %s, %s, %s", id, text("list_uuid"), text("parent_uuid"), note, row["owner_id"]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(todos)
	if diff := cmp.Diff(s.rows(numberedTodos), todos); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	if got := len(s.rows("select uuid from lists")); got != len(lists) {
		t.Errorf("%d lists in the snapshot, want %d", len(lists), got)
	}
}

// TestReferencesRoundTrips counts at the wire what references cost, with warm statements.
func TestReferencesRoundTrips(t *testing.T) {
	w, s := openThroughWire(t, numberedTables("postgres", ""))
	s.useReferences(numberedPolicy)
	op := 0
	count := func(body func(round int) []string, transactions int) int64 {
		t.Helper()
		var trips int64
		for round := range 3 { // the first ones prepare statements
			lines := body(round)
			var all []entry
			for part := range slices.Chunk(lines, len(lines)/transactions) {
				all = append(all, ops("d1", 1+op, part...))
				op += len(part)
			}
			before := w.trips.Load()
			res, _ := s.send("u1", together(all...))
			trips = w.trips.Load() - before
			if got := slices.Compact(outcome(res)); !slices.Equal(got, []string{"applied"}) || res.Chunks != 1 {
				t.Fatalf("%v in %d chunks", got, res.Chunks)
			}
		}
		return trips
	}
	repeat := func(n int, lines func(i int) []string) []string {
		var all []string
		for i := range n {
			all = append(all, lines(i)...)
		}
		return all
	}
	without := count(func(round int) []string {
		return repeat(200, func(i int) []string { return []string{fmt.Sprintf("PUT lists %d", 1000*round+i+1)} })
	}, 1)
	children := count(func(round int) []string {
		return repeat(200, func(i int) []string {
			return []string{fmt.Sprintf("PUT todos %d list_uuid=%d", 1000*round+i+1, i%7+1)}
		})
	}, 1)
	families := count(func(round int) []string {
		return repeat(50, func(i int) []string {
			n := 10000 + 1000*round + 10*i
			return []string{
				fmt.Sprintf("PUT lists %d", n), fmt.Sprintf("PUT todos %d list_uuid=%d", n, n),
				fmt.Sprintf("PUT todos %d list_uuid=%d", n+1, n), fmt.Sprintf("PATCH todos %d note=x", n),
			}
		})
	}, 50)
	t.Logf("200 lists: %d round trips; 200 todos of 7 lists: %d; 50 transactions of a list and two todos of it: %d", without, children, families)
	if children != without+1 || families != without+1 {
		t.Error("want one round trip more where there are references")
	}
}

// TestReferencesHistory sends the same random uploads to a server that numbers its rows and to one that does not,
// and compares answers and rows.
func TestReferencesHistory(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("WRITEGATE_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range engines {
		for _, onDelete := range []string{"", "on delete cascade", "on delete set null"} {
			t.Run(e.name+" "+onDelete, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				numbered := e.open(t, e.ddl(numberedTables(e.name, onDelete)))
				numbered.useReferences(numberedPolicy)
				plain := e.open(t, e.ddl(plainTables(onDelete)))
				plain.use(plainPolicy)
				op := 0
				for i := range 60 {
					body := randomUpload(r, &op)
					words := fmt.Sprint(i)
					got, want := answer(numbered, body), answer(plain, body)
					rows, model := numbered.rows(numberedTodos), plain.rows(plainTodos)
					if diff := cmp.Diff(want+"\n"+strings.Join(model, "\n"), got+"\n"+strings.Join(rows, "\n")); diff != "" {
						text, _ := json.MarshalIndent(body, "", " ")
						t.Fatalf("upload %s, WRITEGATE_TEST_SEED=%d (-without numbers +with):\n%s\n%s", words, seed, diff, text)
					}
				}
			})
		}
	}
}

// apply applies an upload to its end, whatever is refused in between.
func (s *stage) apply(body entry) *writegate.Result {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := dialect.Decode("POST", "application/json", text, dialect.Limits{})
	if err != nil {
		s.t.Fatal(err)
	}
	req.Upload.StopOnRefusal = false
	res, err := s.pipeline.Apply(s.t.Context(), writegate.Caller{Subject: "u1", Claims: map[string]any{"sub": "u1"}}, s.policy, req.Upload)
	if err != nil {
		s.t.Fatal(err)
	}
	return res
}

// missingParent is how a refusal for want of a parent is told: here by the first reference, there by the database,
// which does not name a column when several lead nowhere.
var missingParent = regexp.MustCompile(`FOREIGN_KEY_VIOLATION (reference\.missing)? todos\.\w*`)

// answer is what a device is told, but for the words that a missing parent has here and there.
func answer(s *stage, body entry) string {
	s.t.Helper()
	res := s.apply(body)
	lines := outcome(res)
	if res.Err != nil {
		lines = append(lines, "held: "+res.Err.Error())
	}
	for _, tx := range res.Transactions {
		var ops []string
		for _, op := range tx.Ops {
			ops = append(ops, fmt.Sprintf("%s %v", op.Status, op.Replayed))
		}
		lines = append(lines, strings.Join(ops, ", "))
	}
	return missingParent.ReplaceAllString(strings.Join(lines, "\n"), "FOREIGN_KEY_VIOLATION")
}

func randomUpload(r *rand.Rand, op *int) entry {
	var all []entry
	value := func(name string, none int) string {
		if n := r.IntN(5 + none); n < 5 {
			return fmt.Sprintf(" %s=%d", name, n+1)
		}
		return " " + name + "=null"
	}
	for range 1 + r.IntN(5) {
		var lines []string
		for range 1 + r.IntN(5) {
			id := 1 + r.IntN(5)
			verb := []string{"PUT", "PUT", "PUT", "PATCH", "PATCH", "DELETE"}[r.IntN(6)]
			line := fmt.Sprintf("%s lists %d", verb, id)
			switch r.IntN(3) {
			case 0:
				line += fmt.Sprintf(" name=%c", 'a'+r.IntN(6))
			default:
				line = fmt.Sprintf("%s todos %d", verb, id)
				if r.IntN(4) > 0 {
					line += value("list_uuid", 1)
				}
				if parent := value("parent_uuid", 5); r.IntN(2) == 0 && !strings.HasSuffix(parent, fmt.Sprint("=", id)) {
					line += parent
				}
				line += fmt.Sprintf(" note=%c", 'a'+r.IntN(3))
			}
			lines = append(lines, line)
		}
		all = append(all, ops("d1", 1+*op, lines...))
		*op += len(lines)
	}
	return together(all...)
}

// TestKeysPage runs what docs/keys.md shows, on Postgres.
func TestKeysPage(t *testing.T) {
	text, err := os.ReadFile("../docs/keys.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	var shown []string
	for _, kind := range []string{"sql", "yaml", "sql", "yaml"} {
		_, after, ok := strings.Cut(string(text), "```"+kind+"\n")
		if !ok {
			t.Fatalf("the page has too little %s", kind)
		}
		block, rest, _ := strings.Cut(after, "```")
		shown, text = append(shown, block), []byte(rest)
	}
	s := openPostgres(t, []string{shown[0], "create table drafts (id bigint generated always as identity primary key, owner_id text not null, title text, taken boolean)"})
	s.useReferences(shown[1])
	res := s.apply(ops("d1", 1, "PUT lists 1 name=a", "PUT todos 1 list_uuid=1 note=x"))
	if diff := cmp.Diff([]string{"applied"}, outcome(res)); diff != "" {
		t.Errorf("an upload (-want +got):\n%s", diff)
	}
	if got := s.rows("select id::text || list_uuid || note from (" + strings.TrimSpace(shown[2]) + ") t"); !slices.Equal(got, []string{uuid(1) + uuid(1) + "x"}) {
		t.Errorf("sent down is %v", got)
	}
	s.use(shown[3])
	source, err := policy.Parse("policy.yaml", []byte(strings.Replace(shown[3], "[update]", "[create]", 1)))
	if err != nil {
		t.Fatal(err)
	}
	const fault = `drafts: the key column "id" of table public.drafts is always generated by the database, but devices make the keys of their rows;`
	if _, err = s.applier.Schema(t.Context(), source.Tables()); err == nil || !strings.Contains(writegate.AsError(err).Message, fault) || !strings.Contains(page, fault) {
		t.Errorf("devices may create drafts: %v", err)
	}
}
