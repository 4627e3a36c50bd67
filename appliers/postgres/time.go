package postgres

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"writegate/internal/wire"
)

// lastYear is the greatest year that Postgres stores.
const lastYear = 294275

// The sync service has no infinite times: it sends the first instant of the year 0 and the last second of the
// year 9999 down instead. They are stored values too, and mean the infinities on the way back.
var (
	negativeInfinity = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	positiveInfinity = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	lastDay          = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

var (
	errTimestamp = errors.New("must be a timestamp such as 2026-08-21T14:29:30.123Z")
	errDate      = errors.New("must be a date such as 2026-08-21")
	errTime      = errors.New("must be a time of day such as 14:29:30")
)

// toTimestamp converts to an instant with the given number of fractional digits. Further digits are cut off, as
// the sync service does on the way down, and never rounded.
func toTimestamp(v any, digits int) (any, error) {
	unit := time.Second
	for range digits {
		unit /= 10
	}
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Truncate(unit), nil
	case string:
		if at, ok := infinite(v, positiveInfinity); ok {
			return at, nil
		}
		m, ok := wire.ParseMoment(v)
		if !ok || !m.HasDate || m.Year > lastYear {
			return nil, errTimestamp
		}
		return m.Instant().Truncate(unit), nil
	}
	return nil, errTimestamp
}

// toDate converts to midnight in UTC of the day as it is written; a time of day and a zone behind it are left out.
func toDate(v any) (any, error) {
	switch v := v.(type) {
	case time.Time:
		v = v.UTC()
		return time.Date(v.Year(), v.Month(), v.Day(), 0, 0, 0, 0, time.UTC), nil
	case string:
		if at, ok := infinite(v, lastDay); ok {
			return at, nil
		}
		m, ok := wire.ParseMoment(v)
		if !ok || !m.HasDate || m.Year > lastYear {
			return nil, errDate
		}
		return m.Midnight(), nil
	}
	return nil, errDate
}

func infinite(s string, positive time.Time) (time.Time, bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "infinity", "+infinity":
		return positive, true
	case "-infinity":
		return negativeInfinity, true
	}
	return time.Time{}, false
}

// toClock converts to a time of day as Postgres writes it, with up to the given number of fractional digits.
// A full date and time gives its time of day. With zoned, the offset is kept, UTC where there is none.
func toClock(v any, digits int, zoned bool) (any, error) {
	text, ok := v.(string)
	if at, isTime := v.(time.Time); isTime {
		text, ok = at.UTC().Format(time.RFC3339Nano), true
	}
	m, valid := wire.ParseMoment(text)
	if !ok || !valid || !m.HasClock {
		return nil, errTime
	}
	out := []byte(time.Date(0, 1, 1, m.Hour, m.Minute, m.Second, 0, time.UTC).Format(time.TimeOnly))
	if fraction := strings.TrimRight(pad(m.Nanosecond, 9)[:digits], "0"); fraction != "" {
		out = append(append(out, '.'), fraction...)
	}
	if zoned {
		out = appendOffset(out, m.Offset)
	}
	return string(out), nil
}

func appendOffset(out []byte, offset int) []byte {
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	out = append(append(out, sign), pad(offset/3600, 2)...)
	if offset%3600 != 0 {
		out = append(append(out, ':'), pad(offset/60%60, 2)...)
	}
	if offset%60 != 0 {
		out = append(append(out, ':'), pad(offset%60, 2)...)
	}
	return out
}

func pad(n, width int) string {
	s := strconv.Itoa(n)
	return strings.Repeat("0", max(0, width-len(s))) + s
}

// timestampText writes an instant so that Postgres reads it under any setting of DateStyle and TimeZone.
func timestampText(v any) string {
	switch at := v.(time.Time); {
	case at.Equal(positiveInfinity):
		return "infinity"
	case at.Equal(negativeInfinity):
		return "-infinity"
	default:
		return era(at, " 15:04:05.999999+00")
	}
}

// localText writes a time for a column without zone.
func localText(v any) string { return strings.Replace(timestampText(v), "+00", "", 1) }

// dateText writes a day likewise.
func dateText(v any) string {
	switch at := v.(time.Time); {
	case at.Equal(lastDay):
		return "infinity"
	case at.Equal(negativeInfinity):
		return "-infinity"
	default:
		return era(at, "")
	}
}

// era writes the year as Postgres counts it: the year before 1 is 1 BC.
func era(at time.Time, rest string) string {
	year, suffix := at.Year(), ""
	if year < 1 {
		year, suffix = 1-year, " BC"
	}
	return pad(year, 4) + at.Format("-01-02"+rest) + suffix
}
