package policy

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"writegate"
)

// origin is what a client tells something by.
type origin uint8

const (
	fromRequest  origin = iota // base_version of the metadata, else the previous value
	fromPrevious               // the value that the client saw before its change
	fromData                   // the value that it sends for the column
	fromMetadata               // a path of the metadata
	fromDelta                  // the value that it sends is the difference
)

// source is where to find what a client tells about a column. It is the client's word.
type source struct {
	of   origin
	path []string
}

// find returns the wire value and whether there is one. An explicit null is one.
func (s source) find(op *writegate.Op, column string) (wire any, told bool) {
	switch s.of {
	case fromRequest:
		if wire, told = metadata(op, []string{"base_version"}); told {
			return wire, true
		}
		wire, told = op.Previous[column]
	case fromPrevious:
		wire, told = op.Previous[column]
	case fromData, fromDelta:
		wire, told = op.Data[column]
	case fromMetadata:
		return metadata(op, s.path)
	}
	return wire, told
}

// metadata returns a wire value out of the metadata of an operation, when that is a JSON object.
func metadata(op *writegate.Op, path []string) (wire any, told bool) {
	if !strings.HasPrefix(op.Metadata, "{") {
		return nil, false
	}
	raw := json.RawMessage(op.Metadata)
	for _, step := range path {
		if raw, told = members(string(raw))[step]; !told {
			return nil, false
		}
	}
	return wireOf(raw), true
}

// wireOf makes a wire value of a JSON text.
func wireOf(raw json.RawMessage) (wire any) {
	if text := string(bytes.TrimSpace(raw)); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		return writegate.JSON(text)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&wire) != nil {
		return nil
	}
	return wire
}

// members reads the members of a JSON object, none of anything else.
func members(text any) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if s, ok := text.(string); ok && json.Unmarshal([]byte(s), &m) == nil {
		return m
	}
	return nil
}

// grain is the precision in which a client told a time: that of the fraction of a second that it wrote. Times that the
// sync service sends down are cut to a precision that need not be the database's.
func (c *column) grain(wire any) time.Duration {
	text, ok := wire.(string)
	if n, is := wire.(json.Number); is {
		text, ok = n.String(), true
	}
	unit := c.unit
	if unit == 0 {
		unit = time.Second
	}
	if at := strings.IndexAny(text, ".,"); ok && at >= 0 {
		for _, digit := range text[at+1:] {
			if digit < '0' || digit > '9' || unit < 10 {
				break
			}
			unit /= 10
		}
	}
	return unit
}

// saw reports whether a value that the client told, and its stored form, is the stored one as far as its precision goes.
func (c *column) saw(wire, told, stored any) bool {
	if c.Equal(told, stored) {
		return true
	}
	a, okA := told.(time.Time)
	b, okB := stored.(time.Time)
	grain := c.grain(wire)
	return okA && okB && a.Truncate(grain).Equal(b.Truncate(grain))
}
