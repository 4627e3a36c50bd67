package applierstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"writegate"
)

// typeRun is one case at work.
type typeRun struct {
	TypeHarness
	t     *testing.T
	c     TypeCase
	ref   writegate.TableRef
	table *writegate.Table
	col   *writegate.Column
	seen  *typeSeen
}

func (m *typeRun) live() {
	t := m.t
	m.ref = m.Make(t, m.c)
	if m.ref.Columns == nil && m.c.Column != (writegate.ColumnRef{}) {
		m.ref.Columns = map[string]writegate.ColumnRef{"v": m.c.Column}
	}
	schema, err := m.Applier.Schema(t.Context(), []writegate.TableRef{m.ref})
	if err != nil {
		t.Fatalf("Schema: %v (cause: %v)", err, errors.Unwrap(err))
	}
	m.table = schema[m.ref.Name]
	if m.col = m.table.Column("v"); m.col == nil {
		t.Fatal("the schema has no column v")
	}
	m.seen.kind = m.col.Type
	if m.col.ReadOnly != m.c.Dropped {
		t.Fatalf("the column is read-only: %v, want %v", m.col.ReadOnly, m.c.Dropped)
	}
	if m.c.Dropped {
		m.made()
		return
	}
	m.null()
	m.accepted()
	for i, r := range m.c.Refuses {
		m.refused(fmt.Sprintf("x%d", i), r)
	}
}

// made looks at a column whose value the database makes itself.
func (m *typeRun) made() {
	m.write(m.insert("made", nil))
	down := m.snapshot()["made"]
	for _, a := range m.c.Accepts {
		if raw := m.raw("made"); raw != a.Stored {
			m.t.Errorf("the database makes %s of it, want %s", raw, a.Stored)
		}
		m.seen.accepted = append(m.seen.accepted, typeRow{sent: m.text(a.Wire), stored: a.Stored, down: down.text})
	}
}

// null can be sent for every type.
func (m *typeRun) null() {
	if v, err := m.col.Convert(nil); v != nil || err != nil {
		m.t.Errorf("null is converted to %#v, %v", v, err)
	}
	m.write(m.insert("null", writegate.Row{"v": nil}))
	text, found := m.Raw(m.t, m.ref, "null")
	if !found || text != nil {
		m.t.Errorf("null is stored as %v (found: %v)", show(text), found)
	}
	if row := m.load("null")["null"]; row["v"] != nil {
		m.t.Errorf("null is loaded as %#v", row["v"])
	}
}

// accepted writes each value alone, in a set and over a null, looks at it raw, loads it, and sends back what the
// service sends down.
func (m *typeRun) accepted() {
	t := m.t
	stored := make([]any, len(m.c.Accepts))
	var set, over []writegate.Change
	var keys []any
	for i, a := range m.c.Accepts {
		v, ok := m.convert(a)
		if !ok {
			return
		}
		stored[i] = v
		row := writegate.Row{"v": v}
		alone, many, late := fmt.Sprintf("a%d", i), fmt.Sprintf("m%d", i), fmt.Sprintf("u%d", i)
		keys = append(keys, alone, many, late)
		m.write(m.insert(alone, row))
		set = append(set, m.insert(many, row))
		over = append(over, m.insert(late, writegate.Row{"v": nil}), m.update(late, row))
	}
	if len(stored) == 0 {
		return
	}
	for len(set) < enough { // for drivers that merge many changes into one statement
		key := fmt.Sprintf("filler%d", len(set))
		set = append(set, m.insert(key, set[0].Set))
	}
	m.write(set...)
	m.write(over...)
	loaded, down := m.load(keys...), m.snapshot()
	for i, a := range m.c.Accepts {
		for _, way := range []string{"a", "m", "u"} {
			key := fmt.Sprint(way, i)
			if raw := m.raw(key); raw != a.Stored {
				t.Errorf("%s is stored as %s, want %s (row %s)", m.text(a.Wire), raw, a.Stored, key)
			}
			if got, ok := loaded[key]["v"]; !ok || m.col.Equal(got, stored[i]) == a.Respelled {
				t.Errorf("%s was converted to %#v and is loaded as %#v (row %s, respelled: %v)", m.text(a.Wire), stored[i], got, key, a.Respelled)
			}
		}
		key := fmt.Sprint("a", i)
		m.seen.accepted = append(m.seen.accepted, typeRow{sent: m.text(a.Wire), stored: a.Stored, down: down[key].text})
		m.back(key, a, loaded[key]["v"], down[key])
	}
}

// convert makes the stored value of a wire value, and the same again of that one.
func (m *typeRun) convert(a Accept) (v any, ok bool) {
	m.t.Helper()
	v, err := m.col.Convert(wire(a.Wire))
	if err != nil {
		m.t.Errorf("%s is refused: %v", m.text(a.Wire), err)
		return nil, false
	}
	if a.Value != nil && (!m.col.Equal(a.Value, v) || fmt.Sprintf("%T %[1]v", a.Value) != fmt.Sprintf("%T %[1]v", v)) {
		m.t.Errorf("%s is converted to %#v, want %#v", m.text(a.Wire), v, a.Value)
	}
	if again, err := m.col.Convert(v); err != nil || !m.col.Equal(again, v) {
		m.t.Errorf("%s is converted to %#v, which is converted to %#v, %v", m.text(a.Wire), v, again, err)
	}
	return v, true
}

// enough changes of one kind are one statement wherever a driver merges them.
const enough = 32

// back sends what the service sends down unchanged, and expects the very same value in the database.
func (m *typeRun) back(key string, a Accept, loaded any, down sent) {
	if !down.present {
		return
	}
	reason := m.c.OneWay + a.OneWay
	fault := m.sentBack(key, a, loaded, down)
	switch {
	case reason == "" && fault != "":
		m.t.Errorf("%s is sent down as %s, and sent back %s", m.text(a.Wire), down.text, fault)
	case a.OneWay != "" && fault == "":
		m.t.Errorf("%s is said to be one way (%s), but can be sent back", m.text(a.Wire), reason)
	}
}

func (m *typeRun) sentBack(key string, a Accept, loaded any, down sent) (fault string) {
	v, err := m.col.Convert(down.value)
	if err != nil {
		return "is refused: " + err.Error()
	}
	if !m.col.Equal(v, loaded) {
		return fmt.Sprintf("counts as a change, from %#v to %#v", loaded, v)
	}
	again := "b" + key
	m.write(m.update(key, writegate.Row{"v": v}), m.insert(again, writegate.Row{"v": v}))
	for _, k := range []string{key, again} {
		if raw := m.raw(k); raw != a.Stored {
			return "stores " + raw
		}
	}
	return ""
}

// refused expects a value to be turned down by the driver or by the database, and to leave nothing.
func (m *typeRun) refused(key string, r Refuse) {
	t, code := m.t, r.Code
	if code == "" {
		code = writegate.InvalidData
	}
	by := "the driver"
	v, err := m.col.Convert(wire(r.Wire))
	if err == nil {
		by = "the database"
		err = m.Applier.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			tx.Blame()
			return tx.Write(t.Context(), []writegate.Change{m.insert(key, writegate.Row{"v": v})})
		})
		var change *writegate.ChangeError
		if !errors.As(err, &change) || change.Err.Class != writegate.Refused || change.Err.Code != code || change.Index != 0 {
			t.Errorf("%s is answered %v (cause: %v), want %s for change 0", m.text(r.Wire), err, errors.Unwrap(writegate.AsError(err)), code)
			return
		}
		err = change.Err
	} else if code != writegate.InvalidData {
		t.Errorf("%s is refused by the driver, so the client is told INVALID_DATA, not %s", m.text(r.Wire), code)
	}
	if !strings.Contains(err.Error(), r.Says) {
		t.Errorf("%s: %q does not say %q", m.text(r.Wire), err, r.Says)
	}
	if text, ok := wire(r.Wire).(string); ok && len(text) > 3 && strings.Contains(err.Error(), text) {
		t.Errorf("the refusal carries the value: %v", err)
	}
	if _, found := m.Raw(t, m.ref, key); found {
		t.Errorf("%s is refused and leaves a row", m.text(r.Wire))
	}
	m.seen.refused = append(m.seen.refused, typeRow{sent: m.text(r.Wire), stored: fmt.Sprintf("%s, by %s", code, by)})
}

func (m *typeRun) insert(key string, set writegate.Row) writegate.Change {
	return writegate.Change{Verb: writegate.Insert, Table: m.table, Key: m.key(key), Set: set}
}

func (m *typeRun) update(key string, set writegate.Row) writegate.Change {
	return writegate.Change{Verb: writegate.Update, Table: m.table, Key: m.key(key), Set: set}
}

func (m *typeRun) key(key string) any {
	v, err := m.table.Column(m.table.Key).Convert(key)
	if err != nil {
		m.t.Fatalf("the key %s: %v", key, err)
	}
	return v
}

func (m *typeRun) write(changes ...writegate.Change) {
	m.t.Helper()
	if err := m.Applier.InTx(m.t.Context(), someone, func(tx writegate.Tx) error { return tx.Write(m.t.Context(), changes) }); err != nil {
		m.t.Fatalf("writing %s: %v (cause: %v)", show(changes[0].Set), err, errors.Unwrap(writegate.AsError(err)))
	}
}

func (m *typeRun) load(keys ...any) map[any]writegate.Row {
	m.t.Helper()
	var found []map[any]writegate.Row
	read := writegate.Read{Table: m.table, Keys: keys, Columns: []string{"v"}, Lock: writegate.ForUpdate}
	err := m.Applier.InTx(m.t.Context(), someone, func(tx writegate.Tx) (err error) {
		found, err = tx.Load(m.t.Context(), []writegate.Read{read})
		return err
	})
	if err != nil {
		m.t.Fatalf("loading: %v (cause: %v)", err, errors.Unwrap(writegate.AsError(err)))
	}
	return found[0]
}

func (m *typeRun) raw(key string) string {
	m.t.Helper()
	text, found := m.Raw(m.t, m.ref, key)
	if !found {
		m.t.Fatalf("there is no row %s", key)
	}
	if text == nil {
		return "null"
	}
	return *text
}

// sent is a value as the service sends it down.
type sent struct {
	value   any
	text    string
	present bool
}

func (m *typeRun) snapshot() map[string]sent {
	m.t.Helper()
	rows := map[string]sent{}
	err := m.Applier.Snapshot(m.t.Context(), []string{m.ref.Name}, func(_, id string, data []byte) error {
		var row map[string]any
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(&row); err != nil {
			return fmt.Errorf("%s: %w", data, err)
		}
		if v, ok := row["v"]; ok {
			rows[id] = sent{value: v, text: m.text(v), present: true}
			if !slices.Contains([]string{"<nil>", "string", "json.Number"}, fmt.Sprintf("%T", v)) {
				return fmt.Errorf("%T is nothing that a client can hold", v)
			}
		}
		return nil
	})
	if err != nil {
		m.t.Fatalf("Snapshot: %v (cause: %v)", err, errors.Unwrap(err))
	}
	return rows
}

func show(v any) string {
	if text, ok := v.(*string); ok && text != nil {
		return *text
	}
	return fmt.Sprintf("%#v", v)
}
