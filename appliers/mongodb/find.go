package mongodb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

// Find implements [writegate.Tx]. Rows come from the transaction's snapshot. The lock of a row is its lock document, as
// in Load; of rows that were not found there is none.
func (t *tx) Find(ctx context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	found := make([][]writegate.Row, len(finds))
	var locks []bson.Raw
	for i := range finds {
		f := &finds[i]
		rows, err := t.find(ctx, f)
		if err != nil {
			return nil, err
		}
		lockable, err := lockIDs(&writegate.Read{Table: f.Table, Keys: slices.Collect(maps.Keys(rows)), Lock: f.Lock}, rows)
		if err != nil {
			return nil, t.fail(writegate.AsError(err))
		}
		found[i], locks = slices.Collect(maps.Values(rows)), append(locks, lockable...)
	}
	if err := t.lock(ctx, locks); err != nil {
		return nil, err
	}
	return found, nil
}

// find answers the questions of one lookup, with one query as long as there are not very many.
func (t *tx) find(ctx context.Context, f *writegate.Find) (map[any]writegate.Row, error) {
	s, err := searchFor(f)
	if err != nil {
		return nil, t.fail(err)
	}
	c := driverOf(f.Table)
	rows := map[any]writegate.Row{}
	for questions := range slices.Chunk(s.questions, maxKeys) {
		limited := len(questions) == 1 && (!c.folds || !c.view) // a view goes by its own collation, always
		displaced, err := t.read(ctx, s, questions, limited, rows)
		if displaced {
			_, err = t.read(ctx, s, questions, false, rows)
		}
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// read reads the rows of some questions, not more than are wanted where that is limited. It reports whether others, which
// only MongoDB takes for equal, may then stand in the place of rows.
func (t *tx) read(ctx context.Context, s *search, questions [][]any, limited bool, into map[any]writegate.Row) (displaced bool, err error) {
	c := driverOf(s.Table)
	columns := slices.Concat(s.By, s.Null, s.Columns)
	slices.Sort(columns)
	columns = slices.DeleteFunc(slices.Compact(columns), func(name string) bool { return name == s.Table.Key })
	opt := options.Find()
	if c.folds && !c.view {
		opt.SetCollation(&options.Collation{Locale: "simple"})
	}
	if limited {
		opt.SetLimit(int64(s.most))
	}
	read, others := 0, 0
	err = t.do(ctx, func(ctx context.Context) error {
		return c.read(ctx, t.db, s.Table, columns, s.filter(questions), opt, func(row writegate.Row) {
			read++
			switch key := row[s.Table.Key]; {
			case into[key] != nil:
			case s.wants(row):
				into[key] = row
			default:
				others++
			}
		})
	})
	return err == nil && limited && others > 0 && read >= s.most, err
}

// search is one Find on its way.
type search struct {
	*writegate.Find
	by, null  []*field
	questions [][]any // values of by
	most      int
	places    map[string]int // of questions, by what their values look like
	taken     []int          // rows of each question
}

func searchFor(f *writegate.Find) (*search, error) {
	by, null, questions := f.Plain()
	c := driverOf(f.Table)
	s := &search{Find: f, questions: questions, most: max(f.Most, 1), places: map[string]int{}, taken: make([]int, len(questions))}
	for _, name := range by {
		field := c.fields[name]
		if !field.codec.comparable() {
			return nil, misconfigured(fmt.Sprintf("%s: rows can't be found by a value of type %s, as the lookup %s wants", writegate.Place(f.Table.Name, []string{name}), field.codec.native, f.Name), nil)
		}
		s.by = append(s.by, field)
	}
	for _, name := range null {
		s.null = append(s.null, c.fields[name])
	}
	for i, values := range f.Values {
		s.places[looks(values)] = i
	}
	return s, nil
}

// looks is what values look like. Equal ones may look different, and different ones alike.
func looks(values []any) string {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprintf(&b, "%q", fmt.Sprint(v))
	}
	return b.String()
}

// wants counts a row of one of the questions, and tells whether it is one too many. The server may have found what is not
// the same letter by letter.
func (s *search) wants(row writegate.Row) bool {
	values := make([]any, len(s.By))
	for i, name := range s.By {
		values[i] = row[name]
	}
	at, there := s.places[looks(values)]
	if !there || !s.same(values, s.Values[at]) {
		at = slices.IndexFunc(s.Values, func(question []any) bool { return s.same(values, question) })
	}
	if at < 0 {
		return false
	}
	s.taken[at]++
	return s.taken[at] <= s.most
}

func (s *search) same(a, b []any) bool {
	for i, name := range s.By {
		if !s.Table.Column(name).Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// filter finds the documents of the questions. What these have in common is said once.
func (s *search) filter(questions [][]any) bson.D {
	var conditions bson.A
	var differing []int
	for i, f := range s.by {
		first := questions[0][i]
		if slices.ContainsFunc(questions, func(q []any) bool { return !writegate.SameValue(q[i], first) }) {
			differing = append(differing, i)
		} else {
			conditions = append(conditions, f.among([]any{first}))
		}
	}
	for _, f := range s.null {
		conditions = append(conditions, f.is("$eq", nil))
	}
	switch len(differing) {
	case 0:
	case 1:
		at := differing[0]
		values := make([]any, len(questions))
		for i, q := range questions {
			values[i] = q[at]
		}
		conditions = append(conditions, s.by[at].among(values))
	default:
		each := make(bson.A, len(questions))
		for i, q := range questions {
			var parts bson.A
			for _, at := range differing {
				parts = append(parts, s.by[at].among([]any{q[at]}))
			}
			each[i] = joint("$and", parts)
		}
		conditions = append(conditions, joint("$or", each))
	}
	return joint("$and", conditions)
}

// joint are several conditions together.
func joint(operator string, conditions bson.A) bson.D {
	if len(conditions) == 1 {
		return conditions[0].(bson.D)
	}
	return bson.D{{Key: operator, Value: conditions}}
}

// among is the condition that the field has one of the values.
func (f *field) among(values []any) bson.D {
	var forms bson.A
	for _, v := range values {
		forms = append(forms, f.codec.forms(v)...)
	}
	switch {
	case len(forms) == 1 && f.source == "_id": // is no array, and found without a plan when nothing else is said
		return bson.D{{Key: f.source, Value: forms[0]}}
	case len(forms) == 1:
		return f.is("$eq", forms[0])
	case f.codec.kind != writegate.Decimal:
		return f.is("$in", forms)
	}
	each := make(bson.A, len(forms)) // documentdb looks for some decimals of a list by how many zeros they end with
	for i, form := range forms {
		each[i] = f.is("$eq", form)
	}
	return joint("$or", each)
}

// is leaves documents out that have an array with the value in it.
func (f *field) is(operator string, value any) bson.D {
	return bson.D{{Key: f.source, Value: bson.D{{Key: operator, Value: value}, {Key: "$not", Value: bson.D{{Key: "$type", Value: "array"}}}}}}
}
