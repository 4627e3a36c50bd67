package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// tables answers lookups from rows in memory, as far as it knows them. It does not know of the operation.
type tables struct {
	rows   map[string][]row
	known  map[string]bool // questions that it can answer; nil stands for all
	asked  []string
	hidden string // the key of the row that lookups of others leave out
}

func (v *tables) Find(l *writegate.Lookup, values []any) ([]writegate.Row, bool) {
	q := fmt.Sprint(l.Name, values)
	if !slices.Contains(v.asked, q) {
		v.asked = append(v.asked, q)
	}
	if v.known != nil && !v.known[q] {
		return nil, false
	}
	var out []writegate.Row
	for _, r := range v.rows[l.Table.Name] {
		match := !l.Others || r["id"] != v.hidden
		for i, name := range l.By {
			match = match && l.Table.Column(name).Equal(r[name], values[i])
		}
		for _, name := range l.Null {
			match = match && r[name] == nil
		}
		if match && len(out) <= l.Limit {
			out = append(out, r)
		}
	}
	return out, true
}

func (*tables) Link() (writegate.Link, bool) { return writegate.Link{}, false }

const sharing = `
policy: 1
claims: {sub: {required: true}}
engine: {patch_missing: reject}
lookups:
  list_of:
    table: lists
    args: [id]
    where: {id: $id}
    select: [owner_id]
  share_of:
    table: shares
    args: {list: text}
    where: {list_id: $list, user_id: $claims.sub, left_at: null}
    select: [role]
  others:
    table: shares
    args: {list: text}
    where: {list_id: $list, role: editor}
    count: {limit: 2}
    lock: update
  my_shares:
    table: shares
    where: {user_id: $claims.sub}
    select: [list_id, role]
    list: {limit: 10}
    lock: none
defs:
  role_in:
    args: {at: text}
    returns: text
    expr: share_of(at).?role.orValue("")
vars:
  busy: my_shares().size() > 3
tables:
  shares:
    immutable: [list_id, user_id]
    rules:
      - {name: owner, ops: [create, update, delete], row: list_of(row.list_id).?owner_id == optional.of(claims.sub), columns: [list_id, user_id, role]}
    forbid:
      - {name: last, on: [update, delete], when: 'old.role == "editor" && others(old.list_id) < 1 && (op.is_delete || changed("role"))', code: share.last}
  todos:
    visible: mine || role_in(row.list_id) != ""
    vars:
      mine: list_of(row.list_id).?owner_id == optional.of(claims.sub)
    rules:
      - {name: editors, ops: [create, update, delete], row: mine || role_in(row.list_id) == "editor", columns: [list_id, text]}
    forbid:
      - {name: enough, on: [create], when: busy, code: todo.enough}
`

const sharingTables = `
lists: id text!, owner_id text!
shares: id text!, list_id text!, user_id text!, role text!, left_at time
todos: id text!, list_id text!, text text
`

func sharingRows() map[string][]row {
	share := func(id, list, user, role string) row {
		return row{"id": id, "list_id": list, "user_id": user, "role": role, "left_at": nil}
	}
	return map[string][]row{
		"lists":  {{"id": "l1", "owner_id": "alice"}, {"id": "l2", "owner_id": "bob"}},
		"shares": {share("s1", "l1", "bob", "editor"), share("s2", "l1", "vera", "viewer")},
	}
}

func TestLookups(t *testing.T) {
	b := bind(t, sharing, sharingTables)
	todo := row{"list_id": "l1", "text": "milk"}
	share := row{"list_id": "l1", "user_id": "bob", "role": "editor", "left_at": nil}
	for _, c := range []struct {
		who    string
		op     writegate.Op
		stored row
		want   string
		asked  []string
	}{
		{"alice", put("todos", "t1", todo), nil, "insert", []string{"list_of[l1]", "share_of[l1 alice]", "my_shares[alice]"}},
		{"bob", put("todos", "t1", todo), nil, "insert", []string{"list_of[l1]", "share_of[l1 bob]", "my_shares[bob]"}},
		{"vera", put("todos", "t1", todo), nil, "not_writable", []string{"list_of[l1]", "share_of[l1 vera]", "my_shares[vera]"}},
		{"mallory", put("todos", "t1", todo), nil, "not_writable", nil},
		{"alice", put("todos", "t1", row{"list_id": "gone"}), nil, "not_writable", nil},
		{"vera", patch("todos", "t1", row{"text": "x"}), todo, "not_writable", []string{"list_of[l1]", "share_of[l1 vera]"}},
		{"mallory", patch("todos", "t1", row{"text": "x"}), todo, "row.missing", nil},
		{"alice", patch("todos", "t1", row{"list_id": "l2"}), todo, "not_writable", []string{"list_of[l1]", "share_of[l1 alice]", "list_of[l2]", "share_of[l2 alice]"}},
		{"alice", del("todos", "t1"), todo, "remove", []string{"list_of[l1]", "share_of[l1 alice]"}},
		{"mallory", del("todos", "t1"), todo, "noop", nil},
		{"mallory", put("shares", "s9", row{"list_id": "l1", "user_id": "mallory", "role": "editor"}), nil, "not_writable", []string{"list_of[l1]"}},
		{"alice", put("shares", "s9", row{"list_id": "l1", "user_id": "mallory", "role": "editor"}), nil, "insert", nil},
		{"alice", del("shares", "s1"), share, "share.last", []string{"list_of[l1]", "others[l1 editor]"}},
		{"alice", patch("shares", "s1", row{"role": "viewer"}), share, "share.last", nil},
	} {
		t.Run(c.who+" "+string(c.op.Kind)+" "+c.op.ID, func(t *testing.T) {
			j := judgeFor(t, b, c.who, nil)
			a, refusal := j.Admit(&c.op)
			if refusal != nil {
				t.Fatal(refusal)
			}
			if !a.Asks {
				t.Error("the operation does not say that it asks")
			}
			stored := project(c.stored, a.Needs)
			ahead := &tables{rows: sharingRows(), known: map[string]bool{}, hidden: c.op.ID}
			j.Foresee(a, stored, ahead)
			if c.asked != nil {
				if diff := cmp.Diff(c.asked, ahead.asked); diff != "" {
					t.Errorf("asked ahead: %s", diff)
				}
			}
			if got := outcome(j.Decide(a, stored, ahead)); got != "unknown" {
				t.Errorf("without answers: %s", got)
			}
			all := &tables{rows: sharingRows(), hidden: c.op.ID}
			if got := outcome(j.Decide(a, stored, all)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			for _, q := range all.asked {
				if !slices.Contains(ahead.asked, q) {
					t.Errorf("%s was not foreseen", q)
				}
			}
		})
	}
}

// TestMissingAnswers leaves out each answer in turn: an operation is then open or ends as it does with all of them.
func TestMissingAnswers(t *testing.T) {
	b := bind(t, sharing, sharingTables)
	todo := row{"list_id": "l1", "text": "milk"}
	for _, who := range []string{"alice", "bob", "vera", "mallory"} {
		for _, c := range []struct {
			op     writegate.Op
			stored row
		}{
			{put("todos", "t1", todo), nil},
			{patch("todos", "t1", row{"text": "x"}), todo},
			{patch("todos", "t1", row{"list_id": "l2"}), todo},
			{del("todos", "t1"), todo},
			{put("shares", "s9", row{"list_id": "l1", "user_id": who, "role": "editor"}), nil},
		} {
			j := judgeFor(t, b, who, nil)
			a, _ := j.Admit(&c.op)
			all := &tables{rows: sharingRows(), hidden: c.op.ID}
			want := outcome(j.Decide(a, c.stored, all))
			for _, left := range all.asked {
				known := map[string]bool{}
				for _, q := range all.asked {
					known[q] = q != left
				}
				if got := outcome(j.Decide(a, c.stored, &tables{rows: sharingRows(), known: known, hidden: c.op.ID})); got != "unknown" && got != want {
					t.Errorf("%s %s: %s without %s, else %s", who, c.op.Kind, got, left, want)
				}
			}
		}
	}
}

// TestWhatLookupsRead has the rows of a table answer lookups, which takes columns that no rule of the table reads.
func TestWhatLookupsRead(t *testing.T) {
	b := bind(t, sharing, sharingTables)
	want := []string{"left_at", "list_id", "role", "user_id"}
	if diff := cmp.Diff(want, b.tables["shares"].needsRemove); diff != "" {
		t.Error(diff)
	}
	j := judgeFor(t, bind(t, in(ownerRule), docs), "alice", nil)
	op := patch("docs", "d", row{"title": "x"})
	if a, _ := j.Admit(&op); a.Asks {
		t.Error("a policy without lookups asks")
	}
}

// TestForesight guesses the row, so that what depends on it is asked in the same round.
func TestForesight(t *testing.T) {
	b := bind(t, `
policy: 1
claims: {sub: {required: true}}
lookups:
  list_of: {table: lists, args: {id: text}, where: {id: $id}, select: [owner_id]}
tables:
  todos:
    default: {list_id: '"home-" + claims.sub'}
    set: [{on: [create, update], values: {text: '"by " + claims.sub'}}]
    rules:
      - {name: all, ops: [create, update, delete], row: list_of(row.list_id).hasValue(), columns: [list_id]}
    validate:
      - {name: v, on: [create, update], that: list_of(new.text).hasValue()}
`, sharingTables)
	j := judgeFor(t, b, "alice", nil)
	for _, c := range []struct {
		op          writegate.Op
		stored, row row
		asked       []string
	}{
		{put("todos", "t", row{}), nil, row{"id": "t", "list_id": "home-alice", "text": "by alice"}, []string{"list_of[home-alice]", "list_of[by alice]"}},
		{patch("todos", "t", row{"list_id": "l2"}), row{"list_id": "l1", "text": "x"}, row{"id": "t", "list_id": "l2", "text": "by alice"}, []string{"list_of[l1]", "list_of[l2]", "list_of[by alice]"}},
		{del("todos", "t"), row{"list_id": "l1", "text": "x"}, nil, []string{"list_of[l1]"}},
		{patch("todos", "t", row{"list_id": "l2"}), nil, nil, nil},
		{del("todos", "t"), nil, nil, nil},
	} {
		a, _ := j.Admit(&c.op)
		view := &tables{known: map[string]bool{}}
		got := j.Foresee(a, c.stored, view)
		if diff := cmp.Diff(c.row, got); diff != "" {
			t.Errorf("%s: %s", c.op.Kind, diff)
		}
		if diff := cmp.Diff(c.asked, view.asked); diff != "" {
			t.Errorf("%s: %s", c.op.Kind, diff)
		}
	}
}

// TestIndexes: what is known of indexes makes a lookup a fault or a doubt.
func TestIndexes(t *testing.T) {
	unique := func(columns ...string) writegate.Index { return writegate.Index{Columns: columns, Unique: true} }
	plain := func(columns ...string) writegate.Index { return writegate.Index{Columns: columns} }
	for _, c := range []struct {
		name, where string
		list        bool
		indexes     []writegate.Index
		want        string
	}{
		{"nothing is known", "{list_id: $x}", false, nil, ""},
		{"the key", "{id: $x}", false, []writegate.Index{unique("id")}, ""},
		{"a unique key", "{list_id: $x, user_id: $claims.sub}", false, []writegate.Index{unique("user_id", "list_id")}, ""},
		{"a unique key and more", "{list_id: $x, user_id: $claims.sub, role: a}", false, []writegate.Index{unique("user_id", "list_id")}, ""},
		{"a part of a unique key", "{list_id: $x}", false, []writegate.Index{unique("list_id", "user_id")}, "P131"},
		{"no unique key", "{list_id: $x}", false, []writegate.Index{plain("list_id")}, "P131"},
		{"an index", "{list_id: $x}", true, []writegate.Index{plain("list_id", "role")}, ""},
		{"an index on what differs", "{list_id: $x, role: a}", true, []writegate.Index{plain("list_id")}, ""},
		{"an index with null before", "{list_id: $x, left_at: null}", true, []writegate.Index{plain("left_at", "list_id")}, ""},
		{"an index on another column first", "{list_id: $x}", true, []writegate.Index{plain("role", "list_id")}, "P130"},
		{"an index on one of two", "{list_id: $x, user_id: $claims.sub}", true, []writegate.Index{plain("list_id")}, "P130"},
		{"no index", "{list_id: $x}", true, []writegate.Index{}, "P130"},
		{"only fixed values", "{role: a}", true, []writegate.Index{plain("role")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			args, form := "[x]", "{limit: 2}"
			if !regexpArg(c.where) {
				args = "[]"
			}
			text := "policy: 1\nclaims: {sub: {required: true}}\nlookups:\n  l:\n    table: shares\n    args: " + args + "\n    where: " + c.where + "\n"
			if c.list {
				text += "    list: " + form + "\n"
			}
			s, err := Parse("p.yaml", []byte(text+"tables: {}\n"))
			if err != nil {
				t.Fatal(err)
			}
			tables := schema(sharingTables)
			tables["shares"].Indexes = c.indexes
			faults, warnings, err := s.Check(tables)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, f := range slices.Concat(faults, warnings) {
				got += f.Code
			}
			if got != c.want || (c.want == "P131") != (len(faults) > 0) {
				t.Errorf("got %v %v, want %s", faults, warnings, c.want)
			}
		})
	}
}

// TestIncomparable looks rows up by a column that the database can't find them by: every upload that asks would wait.
func TestIncomparable(t *testing.T) {
	s, err := Parse("p.yaml", []byte("policy: 1\nlookups: {l: {table: shares, args: [x], where: {list_id: $x}, list: {limit: 2}}}\ntables: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	tables := schema(sharingTables)
	tables["shares"].Column("list_id").Incomparable = true
	faults, _, err := s.Check(tables)
	if err != nil || len(faults) != 1 || faults[0].Code != "P102" || !strings.Contains(faults[0].Message, "list_id") {
		t.Errorf("%v, %v", faults, err)
	}
}

func regexpArg(where string) bool { return slices.Contains([]byte(where), 'x') }
