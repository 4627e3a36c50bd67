package writegate

import (
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// asked is what is known of a lookup.
type asked struct {
	*Lookup
	by    []*Column
	exact []int // the places in By of columns in which values that mean the same are the same
	keyAt []int // the places in By of the table's key, or of its parts; nil when rows are not found by it
	found map[string]*answer
	open  [][]any         // questions to be read
	there map[string]bool // that are among them
	// wrote are the keys of changed rows by their values in the exact columns, and where has the values by the key.
	wrote map[string]map[any]bool
	where map[any]string
	buf   []byte
}

// answer is what was read of one question.
type answer struct {
	rows []Row // sorted by key
	cut  bool  // there may be more
	// number is that of the last change the database had been given, and reactions how many of those it had been.
	number, reactions int
}

// nowhere is in the place of values for a row in which one of them is not known.
const nowhere = "?"

func newAsked(l *Lookup) *asked {
	a := &asked{Lookup: l, found: map[string]*answer{}, there: map[string]bool{}, wrote: map[string]map[any]bool{}, where: map[any]string{}}
	for i, name := range l.By {
		c := l.Table.Column(name)
		if a.by = append(a.by, c); c.Same == nil {
			a.exact = append(a.exact, i)
		}
	}
	if i := slices.Index(l.By, l.Table.Key); i >= 0 {
		a.keyAt = []int{i}
		return a
	}
	for _, p := range l.Table.Parts {
		i := slices.Index(l.By, p.Name)
		if i < 0 {
			a.keyAt = nil
			break
		}
		a.keyAt = append(a.keyAt, i)
	}
	return a
}

// keyIn returns the key in a question, nil when there is none.
func (a *asked) keyIn(values []any) any {
	switch len(a.keyAt) {
	case 0:
		return nil
	case 1:
		return values[a.keyAt[0]]
	}
	parts := make([]any, len(a.keyAt))
	for i, place := range a.keyAt {
		parts[i] = values[place]
	}
	return a.Table.JoinKey(parts)
}

// ask notes a question to be read.
func (a *asked) ask(text string, values []any) {
	if !a.there[text] {
		a.there[text] = true
		a.open = append(a.open, slices.Clone(values))
	}
}

// place notes where a changed row is found now.
func (a *asked) place(key any, now seenRow) {
	if was, ok := a.where[key]; ok {
		delete(a.wrote[was], key)
		delete(a.where, key)
	}
	if now.by == 0 || now.row == nil {
		return
	}
	is := nowhere
	if values, known := a.valuesOf(key, now.row); known {
		is = string(a.bucket(values))
	}
	if a.wrote[is] == nil {
		a.wrote[is] = map[any]bool{}
	}
	a.wrote[is][key], a.where[key] = true, is
}

// valuesOf are those by which a row is found.
func (a *asked) valuesOf(key any, row Row) (values []any, known bool) {
	values = make([]any, len(a.By))
	for i, name := range a.By {
		if values[i], known = a.value(key, row, name); !known {
			return nil, false
		}
	}
	return values, true
}

// value is that of a column of a row, the parts of the key among them.
func (a *asked) value(key any, row Row, name string) (v any, known bool) {
	if name == a.Table.Key {
		return key, true
	}
	if v, known = row[name]; !known && a.Table.Parts != nil {
		if i := slices.IndexFunc(a.Table.Parts, func(p *Column) bool { return p.Name == name }); i >= 0 {
			return a.Table.SplitKey(key)[i], true
		}
	}
	return v, known
}

// candidates yields the keys of changed rows that may answer a question.
func (a *asked) candidates(values []any) iter.Seq[any] {
	some, rest := a.wrote[string(a.bucket(values))], a.wrote[nowhere]
	return func(yield func(any) bool) {
		for _, keys := range []map[any]bool{some, rest} {
			for key := range keys {
				if !yield(key) {
					return
				}
			}
		}
	}
}

// match tells whether a row answers a question, and returns it with all that the lookup wants. It is not known when the
// row lacks a column.
func (a *asked) match(key any, row Row, values []any) (whole Row, is, known bool) {
	known = true
	for i, name := range a.By {
		v, ok := a.value(key, row, name)
		if known = known && ok; ok && (v == nil || !a.by[i].Equal(v, values[i])) {
			return nil, false, true
		}
	}
	for _, name := range a.Null {
		v, ok := a.value(key, row, name)
		if known = known && ok; ok && v != nil {
			return nil, false, true
		}
	}
	whole = row
	for _, names := range [][]string{{a.Table.Key}, a.By, a.Null, a.Columns} {
		for _, name := range names {
			if _, there := whole[name]; there {
				continue
			}
			v, ok := a.value(key, row, name)
			if !ok {
				return nil, false, false
			}
			if len(whole) == len(row) {
				whole = maps.Clone(row)
			}
			whole[name] = v
		}
	}
	return whole, known, known
}

// put takes the rows that were read for all questions.
func (a *asked) put(find *Find, rows []Row, number, reactions int) {
	questions := map[string][]int{}
	read := make([]*answer, len(find.Values))
	for i, values := range find.Values {
		read[i] = &answer{number: number, reactions: reactions}
		a.found[string(appendValues(nil, values))] = read[i]
		bucket := string(a.bucket(values))
		questions[bucket] = append(questions[bucket], i)
	}
	strays := 0 // answer a question for the database only
	for _, row := range rows {
		key := row[a.Table.Key]
		stray := true
		if values, known := a.valuesOf(key, row); known {
			for _, i := range questions[string(a.bucket(values))] {
				if whole, is, _ := a.match(key, row, find.Values[i]); is {
					read[i].rows = append(read[i].rows, whole)
					stray = false
				}
			}
		}
		if stray {
			strays++
		}
	}
	for _, r := range read {
		r.cut = len(r.rows) >= find.Most || strays > 0 && len(rows) >= find.Most // a stray may stand in a row's place
		a.sort(r.rows)
	}
}

func (a *asked) sort(rows []Row) {
	slices.SortFunc(rows, func(x, y Row) int { return compareKeys(x[a.Table.Key], y[a.Table.Key]) })
}

// bucket makes one text of the values in exact columns. It is good until the next call.
func (a *asked) bucket(values []any) []byte {
	a.buf = a.buf[:0]
	for _, i := range a.exact {
		a.buf = appendValues(a.buf, values[i:i+1])
	}
	return a.buf
}

// appendValues makes one text of stored values, the same for the same values only.
func appendValues(buf []byte, values []any) []byte {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			buf = append(strconv.AppendInt(append(buf, 's'), int64(len(v)), 10), ':')
			buf = append(buf, v...)
		case int64:
			buf = binary.BigEndian.AppendUint64(append(buf, 'i'), uint64(v))
		case float64:
			buf = binary.BigEndian.AppendUint64(append(buf, 'f'), math.Float64bits(v+0)) // no negative zero
		case time.Time:
			buf = binary.BigEndian.AppendUint64(append(buf, 't'), uint64(v.Unix()))
			buf = binary.BigEndian.AppendUint32(buf, uint32(v.Nanosecond()))
		default:
			text := fmt.Sprintf("%T %v", v, v)
			buf = append(strconv.AppendInt(append(buf, 'o'), int64(len(text)), 10), ':')
			buf = append(buf, text...)
		}
	}
	return buf
}
