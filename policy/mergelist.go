package policy

import (
	"encoding/json"
	"slices"
	"strings"

	"writegate"
)

// setUnion adds to the stored elements those that the client has besides.
func setUnion(_ *column, v versions) (any, bool) {
	stored, sent, ok := both(v.stored, v.sent)
	if !ok {
		return nil, false
	}
	return array(v.stored, stored, union(stored, sent)), true
}

// setDiff does to the stored elements what the client did to those that it saw: adds some and removes others.
func setDiff(_ *column, v versions) (any, bool) {
	stored, sent, ok := both(v.stored, v.sent)
	seen, readable := elements(v.seen)
	if !ok || !readable || !v.knows {
		return nil, false
	}
	before, after := setOf(seen), setOf(sent)
	kept := slices.DeleteFunc(slices.Clone(stored), func(e string) bool { return before[e] && !after[e] })
	added := slices.DeleteFunc(sent, func(e string) bool { return before[e] })
	return array(v.stored, stored, union(kept, added)), true
}

// appended puts behind the stored value what the client put behind the one that it saw.
func appended(c *column, v versions) (any, bool) {
	if !v.knows {
		return nil, false
	}
	if c.Type == writegate.Text {
		stored, _ := v.stored.(string)
		sent, _ := v.sent.(string)
		seen, _ := v.seen.(string)
		more, ok := strings.CutPrefix(sent, seen)
		return stored + more, ok
	}
	stored, sent, ok := both(v.stored, v.sent)
	seen, readable := elements(v.seen)
	if !ok || !readable || len(sent) < len(seen) || !slices.Equal(sent[:len(seen)], seen) {
		return nil, false
	}
	return array(v.stored, stored, slices.Concat(stored, sent[len(seen):])), true
}

func both(a, b any) (x, y []string, ok bool) {
	x, okX := elements(a)
	y, okY := elements(b)
	return x, y, okX && okY
}

// elements reads a JSON array. Its elements are texts that are equal where the values are. Null is an empty array.
func elements(v any) ([]string, bool) {
	if v == nil {
		return nil, true
	}
	text, ok := v.(string)
	if j, is := v.(writegate.JSON); is {
		text, ok = string(j), true
	}
	var raw []json.RawMessage
	if !ok || !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "[") || json.Unmarshal([]byte(text), &raw) != nil {
		return nil, false
	}
	out := make([]string, len(raw))
	for i, r := range raw {
		canonical, err := writegate.CanonicalJSON(r)
		if err != nil {
			return nil, false
		}
		out[i] = string(canonical)
	}
	return out, true
}

// union adds to a list what it has not.
func union(list, more []string) []string {
	out, have := slices.Clone(list), setOf(list)
	for _, e := range more {
		if !have[e] {
			have[e] = true
			out = append(out, e)
		}
	}
	return out
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, e := range list {
		set[e] = true
	}
	return set
}

// array is what becomes of a stored list: itself when it has the same elements, else a wire value.
func array(stored any, was, is []string) any {
	if slices.Equal(was, is) {
		return stored
	}
	return writegate.JSON("[" + strings.Join(is, ",") + "]")
}
