package sqlite

import (
	"time"

	"writegate"
)

// toSQLite makes what is bound of a stored value.
func toSQLite(c *writegate.Column, v any) any {
	switch v := v.(type) {
	case time.Time:
		if c.Type == writegate.Date {
			return v.Format(time.DateOnly)
		}
		return timeText(v)
	case writegate.Bytes:
		return []byte(v)
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case string:
		if c.Type == writegate.Decimal && affinityOf(c.Native, false) == numericAffinity {
			if n, exact := exactNumber(v); exact {
				return n
			}
		}
	}
	return v
}

// fromSQLite makes a stored value of what SQLite holds. Something that is not of the column's type, which
// SQLite allows, stays what it is.
func fromSQLite(c *writegate.Column, v any) any {
	if b, ok := v.([]byte); ok {
		return writegate.Bytes(b)
	}
	switch c.Type {
	case writegate.Bool:
		switch v {
		case int64(0):
			return false
		case int64(1):
			return true
		}
	case writegate.Timestamp, writegate.Date:
		if text, ok := v.(string); ok {
			if at, err := c.Convert(text); err == nil {
				return at
			}
		}
	case writegate.Decimal, writegate.Document, writegate.Text: // text is a number only in a key declared UUID
		switch v.(type) {
		case int64, float64:
			return numberText(v)
		}
	case writegate.Float:
		if i, ok := v.(int64); ok {
			return float64(i)
		}
	case writegate.UUID:
		if text, ok := v.(string); ok {
			if u, err := toUUID(text); err == nil {
				return u
			}
		}
	}
	return v
}
