package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"writegate"
)

// feed is a table that the policy inserts into, to tell of something.
type feed struct {
	table *writegate.Table
	// columns hold what a row tells, by words of the language.
	columns map[string]*writegate.Column
}

// row makes one of the rows that tell of an operation. Its key depends on the operation's name and the number of the row
// alone, so that an operation that comes again tells nothing twice.
func (f *feed) row(name string, n int, content map[string]any) (writegate.Change, error) {
	key, err := f.key(name, n)
	if err != nil {
		return writegate.Change{}, err
	}
	set := make(writegate.Row, len(f.columns))
	for _, word := range slices.Sorted(maps.Keys(f.columns)) {
		c := f.columns[word]
		v := content[word]
		if j, ok := v.(writegate.JSON); ok && c.Type == writegate.Text {
			v = string(j)
		}
		if set[c.Name], err = c.Convert(v); err != nil {
			return writegate.Change{}, fmt.Errorf("fill %s.%s: %w", f.table.Name, c.Name, err)
		}
	}
	return writegate.Change{Verb: writegate.Insert, Table: f.table, Key: key, Set: set}, nil
}

// key is that of one of the rows that tell of an operation.
func (f *feed) key(name string, n int) (any, error) {
	key, err := f.table.Column(f.table.Key).Convert(noteKey(name, f.table.Name, n))
	if err != nil {
		return nil, fmt.Errorf("make the key of a row of %s: %w", f.table.Name, err)
	}
	return key, nil
}

// noteKey is a UUID of the kind that is made from something else.
func noteKey(name, table string, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", name, table, n))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// record makes the row that tells of a conflict: what the client sent for the contested columns, and what is stored, as
// far as the client may know it.
func (j *judge) record(t *table, a *writegate.Admitted, old writegate.Row, contested []string, why *writegate.Error) *writegate.Decision {
	sent := map[string]any{}
	for _, name := range contested {
		sent[name] = plainWire(a.Op.Data[name])
	}
	stored := map[string]any{}
	for _, c := range j.exposed(t, contested) {
		v, known := old[c.Name]
		if !known {
			return &undecided
		}
		stored[c.Name] = plainStored(c.Column, v)
	}
	content := map[string]any{
		"table": t.meta.Name, "row": a.Op.ID, "type": why.Reason, "resolved": j.bundle.conflicts.open(), "user": j.subject, "at": j.now,
	}
	for word, m := range map[string]map[string]any{"client": sent, "server": stored} {
		text, err := json.Marshal(m)
		if err != nil {
			return t.broken(err)
		}
		content[word] = writegate.JSON(text)
	}
	note, err := j.bundle.conflicts.row(a.Name, len(j.made.notes), content)
	if err != nil {
		return t.broken(err)
	}
	j.made.notes = append(j.made.notes, note)
	return nil
}

// exposed are the columns whose stored values a conflict tells: those that the policy names, else the contested ones that
// some grant lets the caller write.
func (j *judge) exposed(t *table, contested []string) []*column {
	if t.conflict.expose != nil {
		return t.conflict.expose
	}
	var out []*column
	for _, name := range contested {
		if slices.ContainsFunc(j.grants, func(r *rule) bool { return r.columns[name] }) {
			out = append(out, t.columns[name])
		}
	}
	return out
}

// plainWire makes JSON of a wire value.
func plainWire(v any) any {
	if text, ok := v.(writegate.JSON); ok {
		return json.RawMessage(text)
	}
	return v
}

// plainStored makes JSON of a stored value, as clients could send it.
func plainStored(c *writegate.Column, v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case writegate.Bytes:
		return hex.EncodeToString([]byte(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) { // JSON has no word for them
			return strings.Replace(strings.TrimPrefix(fmt.Sprint(v), "+"), "Inf", "Infinity", 1)
		}
	case string:
		if (c.Type == writegate.Document || c.Type == writegate.List) && json.Valid([]byte(v)) {
			return json.RawMessage(v)
		}
	}
	return v
}
