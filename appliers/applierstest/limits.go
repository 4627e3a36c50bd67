package applierstest

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"writegate"
)

// tick is the finest step of a Timestamp column.
func (s *suite) tick() time.Duration { return max(s.Tick, time.Microsecond) }

// fraction is the fraction of a second in a time, wherever it stands in a text.
var fraction = regexp.MustCompile(`(T\d{2}:\d{2}:\d{2})(\.\d+)Z`)

// cut takes from the times in a text what a Timestamp column does not hold.
func (s *suite) cut(text string) string {
	if s.Tick == 0 {
		return text
	}
	return fraction.ReplaceAllStringFunc(text, func(m string) string {
		at, err := time.Parse("T15:04:05.999999999Z", m)
		if err != nil {
			return m
		}
		return at.Truncate(s.Tick).Format("T15:04:05.999999999Z")
	})
}

// held is what becomes of a value of [everything], given what should.
func (s *suite) held(typ writegate.Type, want string) string {
	digits := strings.Trim(strings.ReplaceAll(strings.TrimPrefix(want, "-"), ".", ""), "0")
	switch {
	case typ == writegate.Decimal && s.Digits > 0 && len(digits) > s.Digits:
		return refused
	case typ == writegate.Decimal && s.Scale > 0 && want != refused && !fits(want, s.Scale):
		return refused
	case typ == writegate.Timestamp:
		return s.cut(want)
	}
	return want
}

// fits tells whether a number has no digits but those of a column with 38, so many of them behind the point.
func fits(number string, scale int) bool {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(number, "-"), ".")
	return len(strings.TrimLeft(whole, "0")) <= 38-scale && len(fraction) <= scale
}

// distinct leaves out keys with blanks at the end, of a part or of the whole, where the database takes them for the
// same as those without.
func (s *suite) distinct(keys []string) []string {
	s.asked[Blanks] = true
	if _, none := s.Without[Blanks]; !none {
		return keys
	}
	return slices.DeleteFunc(keys, func(key string) bool { return strings.HasSuffix(key, " ") || strings.Contains(key, " .") })
}

// without leaves out the defaults of columns where the database has none.
func (s *suite) without(def TableDef) TableDef {
	s.asked[Defaults] = true
	if _, none := s.Without[Defaults]; none {
		def.Columns = slices.Clone(def.Columns)
		for i := range def.Columns {
			def.Columns[i].Default = nil
		}
	}
	return def
}
