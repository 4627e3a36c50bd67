package mysql

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// mostQuestions bounds the questions of one statement, besides [mostKeyText].
const mostQuestions = 1000

// Find implements [writegate.Tx]. All finds travel together, behind what is to be written, and lock in the order of
// Load; within a table rows are locked in the order of the index that finds them.
func (t *tx) Find(ctx context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	searches := make([]*search, len(finds))
	for _, i := range applier.LockOrder(len(finds), func(i int) (string, writegate.Lock) { return driverOf(finds[i].Table).quoted, finds[i].Lock }) {
		s, err := searchFor(&finds[i])
		if err != nil {
			t.failed = err
			return nil, err
		}
		searches[i] = s
		for questions := range s.portions() {
			t.queue(readRows(&s.read, s.rows), s.sql(questions))
		}
	}
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	found := make([][]writegate.Row, len(finds))
	for i, s := range searches {
		found[i] = s.found(finds[i].By)
	}
	return found, nil
}

// search is one Find on its way.
type search struct {
	own       *table
	read      writegate.Read // what of a row
	by, null  []*column
	questions [][]any
	most      int    // rows of each question
	index     *index // the one to go by, nil for none
	single    bool   // no question has more than one row
	rows      map[any]writegate.Row
}

func searchFor(f *writegate.Find) (*search, error) {
	by, null, questions := f.Plain()
	s := &search{own: driverOf(f.Table), questions: questions, most: max(f.Most, 1), rows: map[any]writegate.Row{}}
	for _, name := range by {
		c := s.own.columns[name]
		if !c.codec.comparable() {
			return nil, misconfigured(fmt.Sprintf("%s: the database can't find rows by a value of type %s, as the lookup %s wants", writegate.Place(f.Table.Name, []string{name}), f.Table.Column(name).Native, f.Name), nil)
		}
		s.by = append(s.by, c)
	}
	for _, name := range null {
		s.null = append(s.null, s.own.columns[name])
	}
	columns := slices.Concat(f.By, f.Null, f.Columns)
	slices.Sort(columns)
	s.read = writegate.Read{Table: f.Table, Lock: f.Lock, Columns: slices.DeleteFunc(slices.Compact(columns), func(name string) bool { return name == f.Table.Key })}
	s.index, s.single = s.own.indexFor(s.by, s.null), s.own.single(s.by)
	return s, nil
}

// comparable tells types of which the server compares values as [writegate.Column.Equal] does.
func (c *codec) comparable() bool {
	switch c.kind {
	case writegate.Document, writegate.List:
		return false
	case writegate.Binary:
		return c.identifies // and no geometry
	default:
		return true
	}
}

// portions cuts the questions into those of one statement.
func (s *search) portions() func(yield func([][]any) bool) {
	return func(yield func([][]any) bool) {
		for rest := s.questions; len(rest) > 0; {
			n, size := 0, 0
			for n < min(len(rest), mostQuestions) {
				for _, v := range rest[n] {
					size += textSize(v)
				}
				if n++; size > mostKeyText {
					break
				}
			}
			if !yield(rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// sql is one statement for the questions. Where there may be more rows than wanted, and an index finds those of a
// question, each question has a SELECT of its own that ends, and locks nothing more, when it has enough.
func (s *search) sql(questions [][]any) string {
	enough := " LIMIT " + strconv.Itoa(s.most)
	switch {
	case len(questions) == 1:
		return s.selecting(questions, enough)
	case s.single || s.index == nil:
		return s.selecting(questions, "")
	}
	selects := make([]string, len(questions))
	for i := range questions {
		selects[i] = "(" + s.selecting(questions[i:i+1], enough) + ")"
	}
	return strings.Join(selects, "\nUNION ALL\n")
}

func (s *search) selecting(questions [][]any, limit string) string {
	conditions := matching(s.by, questions)
	for _, c := range s.null {
		conditions = append(conditions, c.quoted+" IS NULL")
	}
	which := " WHERE " + strings.Join(conditions, " AND ") + limit
	force, lock := "", locking(s.read.Lock)
	if s.index != nil {
		force = s.index.force()
	}
	primary := s.own.primary
	switch { // a shared lock is put on what is read: on an entry of an index, but not on the row, where the entry will do
	case s.read.Lock != writegate.ForShare || s.own.view || s.index != nil && (s.index == primary || !s.own.answers(s.index, s.used())):
	case primary == nil:
		lock = locking(writegate.ForUpdate) // which is on both, always
	case s.index == nil:
		force = primary.force()
	default:
		return s.byPrimary(which)
	}
	return s.own.selecting(s.read.Columns, s.own.quoted+force) + which + lock
}

// byPrimary has an index find the primary keys, and reads the rows by them.
func (s *search) byPrimary(which string) string {
	lock := locking(s.read.Lock)
	var keys, same []string
	for i, c := range s.own.primary.columns {
		name := quote(ownPrefix + strconv.Itoa(i))
		keys, same = append(keys, c.quoted+" AS "+name), append(same, c.quoted+" = "+name)
	}
	found := "(SELECT " + join(keys...) + " FROM " + s.own.quoted + s.index.force() + which + lock + ") AS " + quote(ownPrefix+"found")
	return s.own.selecting(s.read.Columns, found+" STRAIGHT_JOIN "+s.own.quoted+s.own.primary.force()) + " ON " + strings.Join(same, " AND ") + lock
}

// used are the columns that the statement has to do with.
func (s *search) used() []*column {
	used := slices.Concat(s.own.key, s.by, s.null)
	for _, name := range s.read.Columns {
		if c := s.own.columns[name]; c != nil {
			used = append(used, c)
		}
	}
	return used
}

// matching are the conditions that columns have the values of one of the questions, letter for letter. What all questions
// have in common is said once.
func matching(columns []*column, questions [][]any) []string {
	var conditions []string
	var differing []int
	for i, c := range columns {
		first := questions[0][i]
		if slices.ContainsFunc(questions, func(q []any) bool { return !writegate.SameValue(q[i], first) }) {
			differing = append(differing, i)
			continue
		}
		conditions = append(conditions, c.among([]any{first}))
	}
	switch len(differing) {
	case 0:
		return conditions
	case 1:
		at := differing[0]
		values := make([]any, len(questions))
		for i, q := range questions {
			values[i] = q[at]
		}
		return append(conditions, columns[at].among(values))
	}
	each := make([]string, len(questions))
	for i, q := range questions {
		parts := make([]string, len(differing))
		for n, at := range differing {
			parts[n] = columns[at].among([]any{q[at]})
		}
		each[i] = "(" + strings.Join(parts, " AND ") + ")"
	}
	return append(conditions, "("+strings.Join(each, " OR ")+")")
}

// found are the rows, at most as many of each question as wanted: by are the columns that tell whose answer a row is.
func (s *search) found(by []string) []writegate.Row {
	taken := map[string]int{}
	return slices.Collect(func(yield func(writegate.Row) bool) {
		for _, row := range s.rows {
			var whose strings.Builder
			for _, name := range by {
				fmt.Fprintf(&whose, "%q", fmt.Sprint(row[name]))
			}
			if taken[whose.String()]++; taken[whose.String()] <= s.most && !yield(row) {
				return
			}
		}
	})
}
