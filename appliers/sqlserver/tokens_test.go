package sqlserver

import (
	"encoding/binary"
	"math"
	"time"
	"unicode/utf16"

	mssql "github.com/microsoft/go-mssqldb"
)

// Tokens of a TDS reply, as a server writes them.

func le16(n int) []byte   { return binary.LittleEndian.AppendUint16(nil, uint16(n)) }
func le32(n int) []byte   { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }
func le64(n int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

func ucs2(s string) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return out
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func shortText(s string) []byte { return join([]byte{byte(len(ucs2(s)) / 2)}, ucs2(s)) }

func longText(s string) []byte { return join(le16(len(ucs2(s))/2), ucs2(s)) }

// done ends a reply.
func done(status int) []byte { return join([]byte{0xfd}, le16(status), le16(0), le64(0)) }

const (
	doneError    = 2
	doneAttn     = 0x20
	doneSrvError = 0x100
)

// transaction tells that one began (8), was committed (9) or rolled back (10).
func transaction(kind byte) []byte {
	descriptor, none := join([]byte{8}, le64(7)), []byte{0}
	body := join([]byte{kind}, descriptor, none)
	if kind != 8 {
		body = join([]byte{kind}, none, descriptor)
	}
	return join([]byte{0xe3}, le16(len(body)), body)
}

// failure is one error of the server.
type failure struct {
	number    int
	severity  byte
	message   string
	procedure string
	line      int
	exactly   bool // the line is what it is, wherever the statement stands
}

func (f failure) token() []byte {
	severity := f.severity
	if severity == 0 {
		severity = 16
	}
	body := join(le32(f.number), []byte{1, severity}, longText(f.message), shortText("peer"), shortText(f.procedure), le32(f.line))
	return join([]byte{0xaa}, le16(len(body)), body)
}

// resultSet is a result set. Kinds has a letter for the type of each column: i bigint, b bit, f float, n nvarchar(max),
// v varbinary(max), g uniqueidentifier, t datetimeoffset(7).
type resultSet struct {
	kinds   string
	rows    [][]any
	foreign bool // not asked for
}

func result(kinds string, rows ...[]any) resultSet { return resultSet{kinds: kinds, rows: rows} }

func (s resultSet) tokens() []byte {
	out := join([]byte{0x81}, le16(len(s.kinds)))
	for i, kind := range s.kinds {
		name := "other"
		if i == 0 && !s.foreign {
			name = resultName
		}
		out = join(out, le32(0), le16(1), columnType(kind), shortText(name))
	}
	for _, row := range s.rows {
		out = append(out, 0xd1)
		for i, v := range row {
			out = join(out, cell(rune(s.kinds[i]), v))
		}
	}
	return join(out, []byte{0xff}, le16(0x11), le16(0xc1), le64(int64(len(s.rows))))
}

func columnType(kind rune) []byte {
	switch kind {
	case 'i':
		return []byte{0x26, 8}
	case 'b':
		return []byte{0x68, 1}
	case 'f':
		return []byte{0x6d, 8}
	case 'n':
		return join([]byte{0xe7}, le16(0xffff), make([]byte, 5))
	case 'v':
		return join([]byte{0xa5}, le16(0xffff))
	case 'g':
		return []byte{0x24, 16}
	case 't':
		return []byte{0x2b, 7}
	}
	panic("no such type: " + string(kind))
}

func cell(kind rune, v any) []byte {
	if v == nil {
		if kind == 'n' || kind == 'v' {
			return le64(-1)
		}
		return []byte{0}
	}
	plp := func(b []byte) []byte {
		if len(b) == 0 {
			return join(le64(0), le32(0))
		}
		return join(le64(int64(len(b))), le32(len(b)), b, le32(0))
	}
	switch v := v.(type) {
	case int:
		if kind == 'b' {
			return []byte{1, byte(v)}
		}
		return join([]byte{8}, le64(int64(v)))
	case bool:
		if v {
			return []byte{1, 1}
		}
		return []byte{1, 0}
	case float64:
		return join([]byte{8}, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
	case []byte:
		return plp(v)
	case time.Time:
		return join([]byte{10}, offsetTime(v))
	case string:
		if kind == 'g' {
			var u mssql.UniqueIdentifier
			if err := u.Scan(v); err != nil {
				panic(err)
			}
			raw, _ := u.Value()
			return join([]byte{16}, raw.([]byte))
		}
		return plp(ucs2(v))
	}
	panic("no such value")
}

// offsetTime is a datetimeoffset(7) in UTC: ticks of 100 ns in five bytes, days since the year 1 in three, minutes in two.
func offsetTime(at time.Time) []byte {
	at = at.UTC()
	midnight := at.Truncate(24 * time.Hour)
	days := int(midnight.Sub(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)).Hours()/24) + 719162
	return join(le64(int64(at.Sub(midnight) / 100))[:5], le32(days)[:3], []byte{0, 0})
}
