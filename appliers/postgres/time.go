package postgres

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// The sync service has no infinite times: it sends the first instant of the year 0 and the last second of the
// year 9999 down instead. They are stored values too, and mean the infinities on the way back.
var (
	negativeInfinity = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	positiveInfinity = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	lastDay          = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// lastYear is the greatest year that Postgres stores.
const lastYear = 294275

var (
	errTimestamp = errors.New("must be a timestamp such as 2026-08-21T14:29:30.123Z")
	errDate      = errors.New("must be a date such as 2026-08-21")
	errTime      = errors.New("must be a time of day such as 14:29:30")
)

// moment is a date, a time of day or both, with or without a zone, as a client wrote it.
type moment struct {
	date, clock, zone    bool
	year, month, day     int
	hour, minute, second int
	nanosecond           int
	offset               int // seconds east of UTC
}

// parseMoment reads every form in which clients and the sync service write dates and times: date, time, or
// both with a blank or a T between; a fraction of any length, of which nine digits count; an optional zone.
func parseMoment(s string) (moment, bool) {
	var m moment
	in := scanner(strings.TrimSpace(s))
	if dash := strings.IndexByte(string(in[min(1, len(in)):]), '-'); dash >= 0 && !strings.Contains(string(in[:dash+1]), ":") {
		if !in.date(&m) {
			return m, false
		}
		if in == "" {
			return m, true
		}
		if c := in[0]; c != ' ' && c != 'T' && c != 't' {
			return m, false
		}
		in = in[1:]
	}
	if !in.clock(&m) {
		return m, false
	}
	return m, in.zone(&m) && in == ""
}

// instant returns the moment as a time in UTC. A moment without a zone is in UTC already.
func (m moment) instant() time.Time {
	at := time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, m.nanosecond, time.UTC)
	return at.Add(-time.Duration(m.offset) * time.Second)
}

type scanner string

// digits reads between least and most digits.
func (s *scanner) digits(least, most int, into *int) bool {
	n := 0
	for n < len(*s) && n < most && (*s)[n] >= '0' && (*s)[n] <= '9' {
		n++
	}
	if n < least {
		return false
	}
	v, err := strconv.Atoi(string((*s)[:n]))
	*into, *s = v, (*s)[n:]
	return err == nil
}

func (s *scanner) take(c byte) bool {
	if *s == "" || (*s)[0] != c {
		return false
	}
	*s = (*s)[1:]
	return true
}

func (s *scanner) date(m *moment) bool {
	m.date = true
	s.take('+')
	return s.digits(4, 6, &m.year) && s.take('-') && s.digits(2, 2, &m.month) && s.take('-') && s.digits(2, 2, &m.day) &&
		m.year <= lastYear && m.month >= 1 && m.month <= 12 && m.day >= 1 && m.day <= daysIn(m.year, m.month)
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func (s *scanner) clock(m *moment) bool {
	m.clock = true
	if !s.digits(2, 2, &m.hour) || !s.take(':') || !s.digits(2, 2, &m.minute) || m.hour > 23 || m.minute > 59 {
		return false
	}
	if !s.take(':') {
		return true
	}
	if !s.digits(2, 2, &m.second) || m.second > 59 {
		return false
	}
	if !s.take('.') && !s.take(',') {
		return true
	}
	n := 0
	for n < len(*s) && (*s)[n] >= '0' && (*s)[n] <= '9' {
		n++
	}
	if n == 0 {
		return false
	}
	m.nanosecond, _ = strconv.Atoi((string((*s)[:n]) + "000000000")[:9])
	*s = (*s)[n:]
	return true
}

func (s *scanner) zone(m *moment) bool {
	if *s == "" {
		return true
	}
	m.zone = true
	if s.take('Z') || s.take('z') {
		return true
	}
	sign := 1
	if s.take('-') {
		sign = -1
	} else if !s.take('+') {
		return false
	}
	var hours, minutes, seconds int
	if !s.digits(2, 2, &hours) {
		return false
	}
	if *s != "" {
		s.take(':')
		if !s.digits(2, 2, &minutes) {
			return false
		}
	}
	if *s != "" && (!s.take(':') || !s.digits(2, 2, &seconds)) {
		return false
	}
	m.offset = sign * (hours*3600 + minutes*60 + seconds)
	return hours <= 15 && minutes <= 59 && seconds <= 59
}

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
		m, ok := parseMoment(v)
		if !ok || !m.date {
			return nil, errTimestamp
		}
		return m.instant().Truncate(unit), nil
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
		m, ok := parseMoment(v)
		if !ok || !m.date {
			return nil, errDate
		}
		return time.Date(m.year, time.Month(m.month), m.day, 0, 0, 0, 0, time.UTC), nil
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
	m, valid := parseMoment(text)
	if !ok || !valid || !m.clock {
		return nil, errTime
	}
	out := []byte(time.Date(0, 1, 1, m.hour, m.minute, m.second, 0, time.UTC).Format(time.TimeOnly))
	if fraction := strings.TrimRight(pad(m.nanosecond, 9)[:digits], "0"); fraction != "" {
		out = append(append(out, '.'), fraction...)
	}
	if zoned {
		out = appendOffset(out, m.offset)
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
