package sqlserver

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"writegate"
	"writegate/internal/wire"
)

var (
	errTimestamp = errors.New("must be a timestamp such as 2026-08-21T14:29:30.123Z")
	errDate      = errors.New("must be a date such as 2026-08-21, of the years 1 to 9999")
	errTime      = errors.New("must be a time of day such as 14:29:30")
)

// span is what a type of timestamps can hold.
type span struct {
	first, last time.Time
	round       func(time.Time) time.Time
	layout      string // as it is sent
}

func day(year int, month time.Month, d int) time.Time {
	return time.Date(year, month, d, 0, 0, 0, 0, time.UTC)
}

// spanOf returns the span of a type. Digits beyond its scale are cut off, as the sync service does on the way down,
// but datetime, which counts three hundredths of a second, has the nearest.
func spanOf(c *catalogColumn) span {
	s := span{first: day(1, 1, 1), last: day(10000, 1, 1), layout: "2006-01-02T15:04:05.9999999"}
	switch c.Base {
	case "datetime":
		s.first, s.round, s.layout = day(1753, 1, 1), threeHundredths, "2006-01-02T15:04:05.000"
	case "smalldatetime":
		s.first, s.last, s.layout = day(1900, 1, 1), day(2079, 6, 7), "2006-01-02T15:04:05"
		s.round = func(at time.Time) time.Time { return at.Truncate(time.Minute) }
	default:
		unit := time.Duration(math.Pow10(9 - c.Scale))
		s.round = func(at time.Time) time.Time { return at.Truncate(unit) }
		if c.Base == "datetimeoffset" {
			s.layout += "-07:00"
		}
	}
	return s
}

// threeHundredths returns the nearest instant that a datetime can hold, as SQL Server shows it: milliseconds that
// end in 0, 3 or 7.
func threeHundredths(at time.Time) time.Time {
	second := at.Truncate(time.Second)
	ticks := (at.Sub(second)*3 + 5*time.Millisecond) / (10 * time.Millisecond)
	return second.Add((ticks*10 + 1) / 3 * time.Millisecond)
}

func (s span) convert(v any) (any, error) {
	at, ok := v.(time.Time)
	if !ok {
		text, isText := v.(string)
		m, valid := wire.ParseMoment(text)
		if !isText || !valid || !m.HasDate {
			return nil, errTimestamp
		}
		at = m.Instant()
	}
	at = s.round(at.UTC())
	if at.Before(s.first) || !at.Before(s.last) {
		return nil, fmt.Errorf("must be a timestamp of the years %d to %d", s.first.Year(), s.last.Add(-1).Year())
	}
	return at, nil
}

func (s span) text(v any) string {
	at, _ := v.(time.Time)
	return at.UTC().Format(s.layout)
}

// syncedTime is how the sync service writes instants of SQL Server: nine digits.
func syncedTime(v any) any {
	if at, ok := v.(time.Time); ok {
		return at.UTC().Format("2006-01-02T15:04:05.000000000Z")
	}
	return nil
}

func timeCodec(c *catalogColumn) *codec {
	switch c.Base {
	case "date":
		return &codec{
			kind: writegate.Date, convert: toDate, text: dateText, expr: converted("date"), load: loadTime,
			synced: func(v any) any { return dateText(v) },
		}
	case "time":
		scale := c.Scale
		return &codec{
			kind: writegate.Other, convert: func(v any) (any, error) { return toClock(v, scale) }, expr: converted(c.native()),
			load: func(v any) any {
				if clock, err := toClock(v, scale); err == nil {
					return clock
				}
				return v
			},
			synced: func(v any) any {
				whole, fraction, _ := strings.Cut(textOr(v), ".")
				return whole + "." + (fraction + "000000000")[:9]
			},
		}
	}
	s := spanOf(c)
	return &codec{kind: writegate.Timestamp, convert: s.convert, text: s.text, expr: converted(c.native()), load: loadTime, synced: syncedTime}
}

// toDate converts to midnight in UTC of the day as it is written; a time of day and a zone behind it are left out.
func toDate(v any) (any, error) {
	switch v := v.(type) {
	case time.Time:
		v = v.UTC()
		if v.Year() < 1 || v.Year() > 9999 {
			return nil, errDate
		}
		return day(v.Year(), v.Month(), v.Day()), nil
	case string:
		m, ok := wire.ParseMoment(v)
		if !ok || !m.HasDate || m.Year < 1 || m.Year > 9999 {
			return nil, errDate
		}
		return m.Midnight(), nil
	}
	return nil, errDate
}

func dateText(v any) string {
	at, _ := v.(time.Time)
	return at.Format(time.DateOnly)
}

// toClock converts to a time of day with at most the given number of digits behind the second, without zeros at
// their end. A full date and time gives its time of day, as it is written.
func toClock(v any, digits int) (any, error) {
	text, ok := v.(string)
	if at, isTime := v.(time.Time); isTime {
		text, ok = at.Format("15:04:05.000000000"), true
	}
	m, valid := wire.ParseMoment(text)
	if !ok || !valid || !m.HasClock {
		return nil, errTime
	}
	s := fmt.Sprintf("%02d:%02d:%02d", m.Hour, m.Minute, m.Second)
	if fraction := strings.TrimRight(fmt.Sprintf("%09d", m.Nanosecond)[:digits], "0"); fraction != "" {
		s += "." + fraction
	}
	return s, nil
}
