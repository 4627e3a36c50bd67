// Package wire reads what clients write for numbers, times and truth values, without loss.
//
// Clients write them in many ways: as JSON numbers or as text, 1.0 for true, with an exponent, with a blank or a T before
// the time of day. What is read here is the same for every database. What a database can hold of it (digits, years,
// infinities) is for its driver to say.
package wire

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// What is wrong with a value. They are for the client to read, behind the name of a column, and carry no values.
var (
	ErrNumber     = errors.New("must be a decimal number")
	ErrJSONNumber = errors.New("must be a number")
	ErrTooLong    = errors.New("must be a number of fewer digits")
	ErrInteger    = errors.New("must be an integer of 64 bits")
	ErrFloat      = errors.New("must be a number that a 64-bit float holds without loss")
	ErrBool       = errors.New("must be true, false, 1 or 0")
	ErrUUID       = errors.New("must be a UUID")
)

// Text returns the text of a scalar: a string, json.Number, bool, int64 or float64. Other values have none.
func Text(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

// NumberText returns the text of a scalar that is to be a number: true is 1, false is 0, and blanks around it mean nothing.
// It is empty, which is no number, for values that have no text.
func NumberText(v any) string {
	switch v {
	case true:
		return "1"
	case false:
		return "0"
	}
	s, _ := Text(v)
	return strings.TrimSpace(s)
}

// Bool reads a truth value: true and false in any case, t and f, and every way to write the numbers 1 and 0. The error is ErrBool.
func Bool(v any) (bool, error) {
	s := NumberText(v)
	switch strings.ToLower(s) {
	case "true", "t":
		return true, nil
	case "false", "f":
		return false, nil
	}
	if d, err := ParseDecimal(s); err == nil { // 1.0, as some clients write every number
		switch d.Trimmed().String() {
		case "1":
			return true, nil
		case "0":
			return false, nil
		}
	}
	return false, ErrBool
}
