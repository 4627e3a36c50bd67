package postgres

import (
	"errors"
	"fmt"
	"strings"

	"writegate"
)

var errRange = errors.New("must be a range such as [1,5), 'empty', or an object with lower, upper, lower_exclusive and upper_exclusive")

// attribute is one field of a composite type.
type attribute struct {
	name  string
	codec *codec
}

// recordOf makes the codec of a composite type. The stored value is its text form.
func recordOf(attributes []attribute) *codec {
	names := make([]string, len(attributes))
	for i, a := range attributes {
		names[i] = a.name
	}
	errRecord := fmt.Errorf("must be an object with %s, or a row in text form", strings.Join(names, ", "))
	c := textual(writegate.Other, func(v any) (any, error) {
		fields := make([]any, len(attributes))
		if text, ok := v.(string); ok && strings.HasPrefix(text, "(") {
			parsed, err := parseRow(text)
			if err != nil || len(parsed) != len(fields) {
				return nil, errRecord
			}
			fields = parsed
		} else {
			object, err := decodeObject(v)
			switch {
			case errors.Is(err, errTwice):
				return nil, err
			case err != nil:
				return nil, errRecord
			}
			known := 0
			for i, a := range attributes {
				value, ok := object[a.name]
				if ok {
					known++
				}
				fields[i] = value
			}
			if known != len(object) {
				return nil, errRecord
			}
		}
		texts := make([]string, len(fields))
		for i, a := range attributes {
			stored, err := convertLeaf(fields[i], a.codec)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", a.name, err)
			}
			if stored != nil {
				texts[i] = quoteField(a.codec.text(stored))
			}
		}
		return "(" + strings.Join(texts, ",") + ")", nil
	})
	c.same = func(a, b any) bool { // the database quotes in its own way what is inside
		x, errA := c.convert(a)
		y, errB := c.convert(b)
		return a == b || errA == nil && errB == nil && x == y
	}
	return c
}

func decodeObject(v any) (map[string]any, error) {
	text, ok := v.(string)
	if doc, isJSON := v.(writegate.JSON); isJSON {
		text, ok = string(doc), true
	}
	if !ok {
		return nil, errDocument
	}
	value, err := decodeJSON(text)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errDocument
	}
	return object, nil
}

// rangeOf makes the codec of a range type. The stored value is its text form.
func rangeOf(bound *codec) *codec {
	return textual(writegate.Other, func(v any) (any, error) {
		if text, ok := v.(string); ok {
			text = strings.TrimSpace(text)
			if strings.EqualFold(text, "empty") {
				return "empty", nil
			}
			if text != "" && (text[0] == '[' || text[0] == '(') {
				return toBoundedText(text, 0)
			}
		}
		object, err := decodeObject(v)
		if err != nil {
			return nil, errRange
		}
		for name := range object {
			switch name {
			case "lower", "upper", "lower_exclusive", "upper_exclusive":
			default:
				return nil, errRange
			}
		}
		lower, err := rangeBound(object["lower"], bound)
		if err != nil {
			return nil, err
		}
		upper, err := rangeBound(object["upper"], bound)
		if err != nil {
			return nil, err
		}
		open, clos := "[", "]"
		if exclusive(object["lower_exclusive"]) || lower == "" {
			open = "("
		}
		if exclusive(object["upper_exclusive"]) || upper == "" {
			clos = ")"
		}
		return open + lower + "," + upper + clos, nil
	})
}

func rangeBound(v any, bound *codec) (string, error) {
	stored, err := convertLeaf(v, bound)
	if stored == nil || err != nil {
		return "", err
	}
	return quoteBound(bound.text(stored)), nil
}

func exclusive(v any) bool {
	b, err := toBool(v)
	return err == nil && b == true
}

// multirangeOf makes the codec of a multirange type from that of its range.
func multirangeOf(element *codec) *codec {
	return textual(writegate.Other, func(v any) (any, error) {
		if text, ok := v.(string); ok && strings.HasPrefix(strings.TrimSpace(text), "{") {
			return toBoundedText(strings.TrimSpace(text), 0)
		}
		list, err := decodeList(v)
		if err != nil {
			return nil, errList
		}
		texts := make([]string, len(list))
		for i, e := range list {
			stored, err := convertLeaf(e, element)
			if err != nil {
				return nil, err
			}
			if stored == nil {
				return nil, errRange
			}
			texts[i] = element.text(stored)
		}
		return "{" + strings.Join(texts, ",") + "}", nil
	})
}
