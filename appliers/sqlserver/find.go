package sqlserver

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// Find implements [writegate.Tx]. All lookups travel together, behind what is to be written, and lock in the order of
// Load. Each is one statement, as long as it does not lock so many rows that the server would lock the whole table.
func (t *tx) Find(ctx context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	if err := t.introduce(); err != nil {
		return nil, err
	}
	rows := make([]map[any]writegate.Row, len(finds))
	for _, i := range applier.LockOrder(len(finds), func(i int) (string, writegate.Lock) { return driverOf(finds[i].Table).quoted, finds[i].Lock }) {
		s, err := searchFor(&finds[i])
		if err != nil {
			return nil, t.fail(err)
		}
		rows[i] = map[any]writegate.Row{}
		for questions := range slices.Chunk(s.questions, s.portion()) {
			if err := t.room(ctx, s.params(questions)); err != nil {
				return nil, err
			}
			if err := t.now().find(s, questions, rows[i]); err != nil {
				return nil, t.fail(err)
			}
		}
	}
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	found := make([][]writegate.Row, len(finds))
	for i := range rows {
		found[i] = slices.Collect(maps.Values(rows[i]))
	}
	return found, nil
}

// search is one Find on its way.
type search struct {
	own       *table
	of        *writegate.Table
	by, null  []*column
	columns   []*column // those of the key first
	questions [][]any
	most      int
	lock      writegate.Lock
	seek      bool // by an index
	single    bool // no question has more than one row
	asIs      bool // some values are sent as they are, as texts of them may not come out the same
}

func searchFor(f *writegate.Find) (*search, error) {
	by, null, questions := f.Plain()
	own := driverOf(f.Table)
	s := &search{own: own, of: f.Table, questions: questions, most: max(f.Most, 1), lock: f.Lock, columns: slices.Clone(own.key)}
	for _, name := range by {
		c := own.columns[name]
		if c.codec.sought == nil {
			return nil, misconfigured(fmt.Sprintf("%s: the database can't find rows by a value of type %s, as the lookup %s wants", writegate.Place(f.Table.Name, []string{name}), f.Table.Column(name).Native, f.Name), nil)
		}
		s.by = append(s.by, c)
	}
	s.asIs = slices.ContainsFunc(questions, func(q []any) bool {
		for i, c := range s.by {
			if c.codec.alone != nil && c.codec.alone(q[i]) {
				return true
			}
		}
		return false
	})
	for _, name := range null {
		s.null = append(s.null, own.columns[name])
	}
	names := slices.Concat(f.By, f.Null, f.Columns)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if c := own.columns[name]; c != nil && name != f.Table.Key {
			s.columns = append(s.columns, c)
		}
	}
	s.seek, s.single = own.seeks(s.by), own.single(s.by)
	return s, nil
}

// portion is how many questions one statement has. Each row that it locks has two locks, one of them in an index.
func (s *search) portion() int {
	n := maxRows
	if s.lock != writegate.Unlocked && !s.single {
		n = min(n, max(1, 2*maxRows/s.most))
	}
	if s.asIs {
		n = min(n, (maxParams-1)/len(s.by))
	}
	return n
}

// params is how many parameters a statement has.
func (s *search) params(questions [][]any) int {
	if s.asIs {
		return 1 + len(questions)*len(s.by)
	}
	return 2
}

// find adds the statement for some questions. A lock is put on what is read, which may be an index that has all that
// the lookup wants. So rows to be locked are read once more by the key, as those that will be written are.
func (b *batch) find(s *search, questions [][]any, into map[any]writegate.Row) error {
	source, plan := "", ""
	if len(s.by) > 0 {
		questioned, err := b.questions(s, questions)
		if err != nil {
			return err
		}
		source = questioned + "\nCROSS APPLY "
		if s.seek {
			plan = seekPlan
		}
	}
	var inner, outer, same []string
	for i, c := range s.columns {
		name := "[c" + strconv.Itoa(i) + "]"
		inner, outer = append(inner, c.selected()+" AS "+name), append(outer, "[r]."+name)
	}
	again := ""
	if s.lock != writegate.Unlocked && s.own.seek && !s.byKey() {
		inner = nil
		for i, c := range s.own.key {
			name := "[c" + strconv.Itoa(i) + "]"
			inner, same = append(inner, "[t]."+c.quoted+" AS "+name), append(same, "[t]."+c.quoted+" = [r]."+name)
		}
		for i, c := range s.columns {
			outer[i] = c.selected()
		}
		again = "\nINNER JOIN " + s.own.quoted + " AS [t]" + s.own.hints(s.lock) + " ON " + strings.Join(same, " AND ")
		plan = seekPlan
	}
	outer[0] += " AS [writegate]"
	b.add("SELECT " + strings.Join(outer, ", ") + "\nFROM " + source + "(\n\tSELECT TOP (" + b.value(int64(s.most)) + ") " + strings.Join(inner, ", ") +
		"\n\tFROM " + s.own.quoted + " AS [t]" + hints(s.lock, s.seek) + " WHERE " + s.conditions() + "\n) AS [r]" + again + plan)
	b.result(s.readRows(into))
	return nil
}

// byKey tells a lookup of rows by their key and nothing else, which no other index may answer.
func (s *search) byKey() bool {
	return len(s.by)+len(s.null) == len(s.own.key) && !slices.ContainsFunc(s.own.key, func(c *column) bool { return !slices.Contains(s.by, c) })
}

func (s *search) conditions() string {
	conditions := make([]string, 0, len(s.by)+len(s.null))
	for i, c := range s.by {
		conditions = append(conditions, c.is("[t]."+c.quoted, c.codec.sought(jsonField(i))))
	}
	for _, c := range s.null {
		conditions = append(conditions, "[t]."+c.quoted+" IS NULL")
	}
	return strings.Join(conditions, " AND ")
}

// questions returns what questions are selected from: values k0, k1 and so on, as text, or as they are.
func (b *batch) questions(s *search, questions [][]any) (string, error) {
	if !s.asIs {
		set := make([]map[string]any, len(questions))
		for i, q := range questions {
			set[i] = make(map[string]any, len(s.by))
			for n, c := range s.by {
				set[i]["k"+strconv.Itoa(n)] = c.codec.textOf(q[n])
			}
		}
		return b.rows(set, len(s.by), 0)
	}
	rows, names := make([]string, len(questions)), make([]string, len(s.by))
	for n := range s.by {
		names[n] = "[k" + strconv.Itoa(n) + "]"
	}
	for i, q := range questions {
		values := make([]string, len(s.by))
		for n, c := range s.by {
			if c.codec.alone != nil {
				values[n] = b.value(q[n])
			} else {
				values[n] = b.text(c.codec.textOf(q[n]))
			}
		}
		rows[i] = "(" + strings.Join(values, ", ") + ")"
	}
	return "(VALUES " + strings.Join(rows, ", ") + ") AS [j] (" + strings.Join(names, ", ") + ")", nil
}

func (s *search) readRows(into map[any]writegate.Row) func(*sql.Rows) error {
	values, pointers := make([]any, len(s.columns)), make([]any, len(s.columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	return each(func() error {
		n := len(s.own.key)
		parts := make([]any, n)
		for i, c := range s.own.key {
			parts[i] = c.codec.loaded(values[i])
		}
		row := make(writegate.Row, len(s.columns)+1)
		for i, c := range s.columns[n:] {
			row[c.name] = c.codec.loaded(values[n+i])
		}
		key := applier.JoinKey(s.of, parts)
		row[s.of.Key] = key
		into[key] = row
		return nil
	}, pointers...)
}

// soughtBy is the codec's sought for a column.
func soughtBy(c *catalogColumn, codec *codec) func(source string) string {
	switch {
	case codec.readOnly || codec.kind == writegate.Document || codec.kind == writegate.Other && c.Base != "time":
		return nil
	case codec.exact != nil:
		return codec.exact
	}
	switch c.Base {
	case "text", "ntext", "image", "xml":
		return nil
	case "varchar", "nvarchar": // of any length
		return func(source string) string {
			return "CONVERT(" + c.native() + ", " + source + " COLLATE " + c.Collation + ")"
		}
	case "binary", "varbinary":
		return func(source string) string { return "CONVERT(" + c.native() + ", " + fromHex(source) + ")" }
	}
	return codec.expr
}
