package mysql

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"writegate/internal/wire"
)

var (
	errTimestamp = errors.New("must be a timestamp such as 2026-08-21T14:29:30.123Z, from the year 1 to 9999")
	errEpoch     = errors.New("must be a timestamp from 1970-01-01T00:00:01Z to 2106-02-07T06:28:15Z")
	errDate      = errors.New("must be a date such as 2026-08-21, from the year 1 to 9999")
	errTime      = errors.New("must be a time such as 14:29:30, from -838:59:59 to 838:59:59")
)

// The bounds of TIMESTAMP. Servers differ in the last second they know, so theirs is the last word.
var (
	firstTimestamp = time.Date(1970, 1, 1, 0, 0, 1, 0, time.UTC)
	lastTimestamp  = time.Date(2106, 2, 7, 6, 28, 16, 0, time.UTC)
)

// toTimestamp converts to an instant with the given number of fractional digits. Further digits are cut off, as the
// sync service does on the way down, and never rounded. Narrow is the range of TIMESTAMP.
func toTimestamp(v any, digits int, narrow bool) (any, error) {
	unit := time.Second
	for range digits {
		unit /= 10
	}
	var at time.Time
	switch v := v.(type) {
	case time.Time:
		at = v.UTC()
	case string:
		m, ok := wire.ParseMoment(v)
		if !ok || !m.HasDate {
			return nil, errTimestamp
		}
		at = m.Instant()
	default:
		return nil, errTimestamp
	}
	at = at.Truncate(unit)
	switch {
	case at.Year() < 1 || at.Year() > 9999:
		return nil, errTimestamp
	case narrow && (at.Before(firstTimestamp) || !at.Before(lastTimestamp)):
		return nil, errEpoch
	}
	return at, nil
}

// toDate converts to midnight in UTC of the day as it is written; a time of day and a zone behind it are left out.
func toDate(v any) (any, error) {
	var m wire.Moment
	switch v := v.(type) {
	case time.Time:
		v = v.UTC()
		m.Year, m.Month, m.Day = v.Year(), int(v.Month()), v.Day()
	case string:
		var ok bool
		if m, ok = wire.ParseMoment(v); !ok || !m.HasDate {
			return nil, errDate
		}
	default:
		return nil, errDate
	}
	if m.Year < 1 || m.Year > 9999 {
		return nil, errDate
	}
	return m.Midnight(), nil
}

// clockForm is a TIME, which may be negative and longer than a day.
var clockForm = regexp.MustCompile(`^(-?)([0-9]{2,3}):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]+))?)?$`)

// toClock converts to the text of a TIME with up to the given number of fractional digits, without zeros at its end.
// A full date and time gives its time of day.
func toClock(v any, digits int) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errTime
	}
	s = strings.TrimSpace(s)
	parts := clockForm.FindStringSubmatch(s)
	if parts == nil {
		m, ok := wire.ParseMoment(s)
		if !ok || !m.HasClock || !m.HasDate {
			return nil, errTime
		}
		parts = []string{"", "", fmt.Sprintf("%02d", m.Hour), fmt.Sprintf("%02d", m.Minute), fmt.Sprintf("%02d", m.Second), fmt.Sprintf("%09d", m.Nanosecond)}
	}
	hours, err := strconv.Atoi(parts[2])
	fraction := strings.TrimRight((parts[5] + strings.Repeat("0", digits))[:digits], "0")
	seconds := parts[4]
	if seconds == "" {
		seconds = "00"
	}
	if err != nil || hours > 838 || hours == 838 && parts[3]+seconds == "5959" && fraction != "" {
		return nil, errTime
	}
	out := fmt.Sprintf("%02d:%s:%s", hours, parts[3], seconds)
	if fraction != "" {
		out += "." + fraction
	}
	if parts[1] != "" && strings.Trim(out, "0:.") != "" {
		out = "-" + out
	}
	return out, nil
}
