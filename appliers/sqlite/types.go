package sqlite

import (
	"regexp"
	"strings"

	"writegate"
)

// affinity is what SQLite turns values into when it stores them.
// See https://sqlite.org/datatype3.html#determination_of_column_affinity.
type affinity uint8

const (
	noAffinity affinity = iota
	textAffinity
	numericAffinity // also INTEGER: the two store the same
	realAffinity
)

func affinityOf(declared string, strict bool) affinity {
	t := strings.ToUpper(declared)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(t, p) {
				return true
			}
		}
		return false
	}
	switch {
	case strict && t == "ANY":
		return noAffinity
	case has("INT"):
		return numericAffinity
	case has("CHAR", "CLOB", "TEXT"):
		return textAffinity
	case t == "" || has("BLOB"):
		return noAffinity
	case has("REAL", "FLOA", "DOUB"):
		return realAffinity
	}
	return numericAffinity
}

// integerType tells the names of integer types from words such as POINT and INTERVAL.
var integerType = regexp.MustCompile(`\b(TINY|SMALL|MEDIUM|BIG)?INT(EGER)?[0-9]*\b`)

// typeOf reads a declared type. One that says nothing, or nothing we know, is Any: SQLite itself keeps
// whatever it is given there.
func typeOf(declared string, strict bool) writegate.Type {
	t := strings.ToUpper(strings.TrimSpace(declared))
	base, _, _ := strings.Cut(t, "(")
	base = strings.TrimSpace(base)
	begins := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(base, p) {
				return true
			}
		}
		return false
	}
	affinity := affinityOf(declared, strict)
	switch {
	case base == "BOOL" || base == "BOOLEAN":
		return writegate.Bool
	case begins("DATETIME", "TIMESTAMP"):
		return writegate.Timestamp
	case base == "DATE":
		return writegate.Date
	case begins("DECIMAL", "NUMERIC"):
		return writegate.Decimal
	case begins("JSON"):
		return writegate.Document
	case base == "UUID" || base == "GUID" || base == "UNIQUEIDENTIFIER":
		return writegate.UUID
	case integerType.MatchString(t):
		return writegate.Int
	case affinity == textAffinity:
		return writegate.Text
	case affinity == realAffinity:
		return writegate.Float
	case strings.Contains(t, "BLOB"):
		return writegate.Binary
	}
	return writegate.Any
}

func newColumn(name, declared string, strict bool) *writegate.Column {
	c := &writegate.Column{Name: name, Type: typeOf(declared, strict), Native: declared}
	c.Convert = converter(c.Type, affinityOf(declared, strict))
	c.Same = sameness(c.Type)
	return c
}

// asKey makes a column fit to be a key, if it can be one. A UUID is taken as text, letter case and all:
// SQLite would not find a row by another spelling of its key. Text that its numeric affinity turns into a number
// and back is loaded as text, and other text of digits is refused.
func asKey(c *writegate.Column) bool {
	switch c.Type {
	case writegate.UUID:
		c.Type, c.Same = writegate.Text, nil
		c.Convert = converter(writegate.Text, affinityOf(c.Native, false))
		return true
	case writegate.Text, writegate.Int, writegate.Any:
		return true
	}
	return false
}
