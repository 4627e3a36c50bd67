package policy

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"writegate"
)

// bound makes the check of a least or a greatest value.
func bound(least bool, text string, compare func(v any) (int, bool)) check {
	reason, why, bad := "column.max", "must be at most "+text, 1
	if least {
		reason, why, bad = "column.min", "must be at least "+text, -1
	}
	return func(v any) (string, string) {
		if c, ok := compare(v); ok && c != bad {
			return "", ""
		}
		return reason, why
	}
}

// comparer compares values of a column with a limit, exactly. It reports false for a value that is neither more nor less,
// such as NaN.
func comparer(typ writegate.Type, limit any) func(v any) (int, bool) {
	switch typ {
	case writegate.Float:
		most := limit.(float64)
		return func(v any) (int, bool) {
			f, ok := v.(float64)
			switch {
			case !ok || math.IsNaN(f):
				return 0, false
			case f < most:
				return -1, true
			case f > most:
				return 1, true
			}
			return 0, true
		}
	case writegate.Timestamp, writegate.Date:
		most := limit.(time.Time)
		return func(v any) (int, bool) {
			at, ok := instant(v)
			return at.Compare(most), ok
		}
	}
	most := limit.(exact)
	return func(v any) (int, bool) {
		d, ok := exactOf(v)
		return d.compare(most), ok
	}
}

// instant reads a stored time or date.
func instant(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case string:
		for _, form := range []string{time.DateOnly, time.RFC3339Nano, time.DateTime} {
			if t, err := time.Parse(form, v); err == nil {
				return t.UTC(), true
			}
		}
	}
	return time.Time{}, false
}

// exact is an exact number: ±0.digits × 10^point, without zeros at either end. Zero has no digits.
type exact struct {
	negative bool
	digits   string
	point    int
}

// exactOf reads a stored integer or decimal, or a number in JSON.
func exactOf(v any) (exact, bool) {
	switch v := v.(type) {
	case int64:
		return readExact(strconv.FormatInt(v, 10))
	case string:
		return readExact(v)
	case json.Number:
		return readExact(v.String())
	}
	return exact{}, false
}

// readExact reads a decimal number, perhaps with an exponent.
func readExact(text string) (exact, bool) {
	var d exact
	text, d.negative = strings.CutPrefix(text, "-")
	exponent := 0
	if mantissa, after, found := strings.Cut(strings.ToLower(text), "e"); found {
		n, err := strconv.ParseInt(after, 10, 32)
		if err != nil {
			return d, false
		}
		text, exponent = mantissa, int(n)
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits := whole + fraction
	if whole == "" || strings.Trim(digits, "0123456789") != "" {
		return d, false
	}
	d.digits = strings.TrimLeft(digits, "0")
	d.point = len(whole) - (len(digits) - len(d.digits)) + exponent
	if d.digits = strings.TrimRight(d.digits, "0"); d.digits == "" {
		return exact{}, true
	}
	return d, true
}

func (d exact) compare(with exact) int {
	sign := func(d exact) int {
		switch {
		case d.digits == "":
			return 0
		case d.negative:
			return -1
		}
		return 1
	}
	a, b := sign(d), sign(with)
	switch {
	case a != b:
		return cmp.Compare(a, b)
	case d.point != with.point:
		return a * cmp.Compare(d.point, with.point)
	}
	return a * strings.Compare(d.digits, with.digits)
}
