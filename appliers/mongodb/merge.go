package mongodb

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
)

// edits are the parts of an update.
type edits struct{ set, unset bson.D }

// edit makes the edits that give a field a new value, with what is stored at hand. What means the same on a device
// stays as it is stored, and so does what a device never sees.
func (c *codec) edit(stored bson.RawValue, v any, f *field) (edits, error) {
	if v == nil {
		switch {
		case typeOf(stored)&^tNothing == 0: // it is null for devices already
			return edits{}, nil
		case f.null == leaveOut:
			return edits{unset: bson.D{{Key: f.source, Value: ""}}}, nil
		}
		return edits{set: bson.D{{Key: f.source, Value: nil}}}, nil
	}
	if c.kind != writegate.Document && c.kind != writegate.List {
		if was := c.load(stored); was != nil && c.equal(was, v) {
			return edits{}, nil
		}
		return edits{set: bson.D{{Key: f.source, Value: c.store(v)}}}, nil
	}
	parsed, err := parseJSON(v)
	if err != nil {
		return edits{}, err
	}
	value, err := merge(stored, parsed, c.shape)
	if err != nil {
		return edits{}, err
	}
	raw, err := rawOf(value)
	if err != nil {
		return edits{}, err
	}
	var e edits
	e.differ(f.source, stored, raw)
	return e, nil
}

func (c *codec) equal(a, b any) bool {
	if c.same != nil {
		return c.same(a, b)
	}
	return writegate.SameValue(a, b)
}

// differ adds what makes one value of another, name by name where both are documents.
func (e *edits) differ(path string, was, now bson.RawValue) {
	if was.Equal(now) {
		return
	}
	before, ok := was.DocumentOK()
	after, both := now.DocumentOK()
	if !ok || !both || !plainNames(before) || !plainNames(after) {
		e.set = append(e.set, bson.E{Key: path, Value: now})
		return
	}
	old, _ := before.Elements()
	for _, m := range old {
		if _, err := after.LookupErr(m.Key()); err != nil {
			e.unset = append(e.unset, bson.E{Key: path + "." + m.Key(), Value: ""})
		}
	}
	elements, _ := after.Elements()
	for _, m := range elements {
		value, err := before.LookupErr(m.Key())
		if err != nil {
			e.set = append(e.set, bson.E{Key: path + "." + m.Key(), Value: m.Value()})
			continue
		}
		e.differ(path+"."+m.Key(), value, m.Value())
	}
}

func plainNames(doc bson.Raw) bool {
	elements, err := doc.Elements()
	return err == nil && !slices.ContainsFunc(elements, func(e bson.RawElement) bool { return !plainName(e.Key()) })
}

// merge makes the value that a JSON value stands for, given what is stored: the same parts stay as they are.
func merge(stored bson.RawValue, v any, s *shape) (any, error) {
	if means(stored, v) {
		return stored, nil
	}
	switch stored.Type {
	case bson.TypeEmbeddedDocument:
		if object, ok := v.([]member); ok {
			return mergeObject(stored.Document(), object, s)
		}
	case bson.TypeArray:
		if list, ok := v.([]any); ok {
			return mergeArray(stored.Array(), list, s)
		}
	}
	return s.decode(v)
}

func mergeObject(stored bson.Raw, object []member, s *shape) (any, error) {
	doc := make(bson.D, 0, len(object))
	given := make(map[string]bool, len(object))
	for _, m := range object {
		given[m.name] = true
		was, err := stored.LookupErr(m.name)
		var value any
		switch {
		case err != nil:
			value, err = s.field(m.name).decode(m.value)
		case hidden(was):
			err = errBytes
		default:
			value, err = merge(was, m.value, s.field(m.name))
		}
		if err != nil {
			return nil, err
		}
		doc = append(doc, bson.E{Key: m.name, Value: value})
	}
	elements, err := stored.Elements()
	if err != nil {
		return nil, err
	}
	for _, e := range elements {
		if hidden(e.Value()) && !given[e.Key()] {
			doc = append(doc, bson.E{Key: e.Key(), Value: e.Value()})
		}
	}
	return doc, nil
}

// mergeArray matches items by place where there are as many as before, else by what they mean. An item with bytes in
// it that finds no match, while there are new items without one, may be one that was changed: that is refused.
func mergeArray(stored bson.RawArray, list []any, s *shape) (any, error) {
	was, err := stored.Values()
	if err != nil {
		return nil, err
	}
	items := make(bson.A, len(list))
	if len(was) == len(list) && inPlace(was, list) {
		for i, v := range list {
			if items[i], err = merge(was[i], v, s.item()); err != nil {
				return nil, err
			}
		}
		return items, nil
	}
	next, unmatched := 0, 0
	used := make([]bool, len(was))
	for i, v := range list {
		at := slices.IndexFunc(was[next:], func(w bson.RawValue) bool { return means(w, v) })
		if at < 0 {
			unmatched++
			if items[i], err = s.item().decode(v); err != nil {
				return nil, err
			}
			continue
		}
		items[i], used[next+at] = was[next+at], true
		next += at + 1
	}
	for i, w := range was {
		if !used[i] && unmatched > 0 && lossy(w) {
			return nil, errBytes
		}
	}
	return items, nil
}

// inPlace tells whether each item of an array may be the one that was at its place. Items that only moved are not.
func inPlace(was []bson.RawValue, list []any) bool {
	for i, w := range was {
		if !lossy(w) || means(w, list[i]) {
			continue
		}
		if _, isObject := list[i].([]member); !isObject || w.Type != bson.TypeEmbeddedDocument {
			return false
		}
		if slices.ContainsFunc(list, func(v any) bool { return means(w, v) }) {
			return false
		}
	}
	return true
}

// hidden tells values that the sync service leaves out: bytes within a document.
func hidden(v bson.RawValue) bool { return typeOf(v) == tBinary }

// lossy tells whether there is anything hidden in a value.
func lossy(v bson.RawValue) bool {
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		elements, _ := v.Document().Elements()
		return slices.ContainsFunc(elements, func(e bson.RawElement) bool { return lossy(e.Value()) })
	case bson.TypeArray:
		values, _ := v.Array().Values()
		return slices.ContainsFunc(values, lossy)
	}
	return hidden(v)
}

// means tells whether a JSON value is what a device has for a stored one.
func means(stored bson.RawValue, v any) bool {
	switch v := v.(type) {
	case nil:
		f, isFloat := stored.DoubleOK()
		return typeOf(stored)&^tNothing == 0 || hidden(stored) || isFloat && (math.IsNaN(f) || math.IsInf(f, 0))
	case bool:
		b, ok := stored.BooleanOK()
		return ok && b == v
	case json.Number:
		if b, ok := stored.BooleanOK(); ok {
			return sameDecimal(b, v)
		}
		if typeOf(stored)&(tNumber|tTimestamp) == 0 {
			return false
		}
		return sameDecimal(loadAny(stored), v)
	case string:
		return meansText(stored, v)
	case []any:
		return meansArray(stored, v)
	case []member:
		return meansObject(stored, v)
	}
	return false
}

func meansText(stored bson.RawValue, text string) bool {
	switch stored.Type {
	case bson.TypeString, bson.TypeSymbol:
		return loadText(stored) == text
	case bson.TypeObjectID, bson.TypeBinary:
		loaded, isText := loadAny(stored).(string)
		if stored.Type == bson.TypeBinary && isText {
			id, err := toUUID(text)
			return err == nil && id == loaded
		}
		return isText && loaded == text
	case bson.TypeDecimal128:
		_, err := plainDecimal(text)
		return err == nil && sameDecimal(loadAny(stored), text) || loadAny(stored) == text
	case bson.TypeDateTime:
		at, err := parseTime(text)
		return err == nil && at.UnixMilli() == stored.DateTime() || strings.Replace(text, "T", " ", 1) == sentTime(stored.DateTime())
	}
	return false
}

func meansArray(stored bson.RawValue, list []any) bool {
	array, ok := stored.ArrayOK()
	values, err := array.Values()
	if !ok || err != nil || len(values) != len(list) {
		return false
	}
	for i, v := range list {
		if !means(values[i], v) {
			return false
		}
	}
	return true
}

func meansObject(stored bson.RawValue, object []member) bool {
	doc, ok := stored.DocumentOK()
	if !ok {
		return typeOf(stored)&(tForeign&^tTimestamp) != 0 // whatever the service says of it, it can't be changed there
	}
	elements, err := doc.Elements()
	if err != nil {
		return false
	}
	seen := 0
	values := make(map[string]any, len(object))
	for _, m := range object {
		values[m.name] = m.value
	}
	for _, e := range elements {
		if hidden(e.Value()) {
			continue
		}
		v, there := values[e.Key()]
		if !there || !means(e.Value(), v) {
			return false
		}
		seen++
	}
	return seen == len(object)
}
