package sqlite

import (
	"regexp"
	"strings"
	"time"
)

// Times are stored as text in UTC with six digits of fraction, or nine where six don't suffice, so that
// equal precision sorts as text. SQLite's own functions read it.
const (
	microTime = "2006-01-02T15:04:05.000000Z"
	nanoTime  = "2006-01-02T15:04:05.000000000Z"
)

func timeText(at time.Time) string {
	at = at.UTC()
	if at.Nanosecond()%1000 == 0 {
		return at.Format(microTime)
	}
	return at.Format(nanoTime)
}

// ownTime is the text of a time in our own tables, where all have six digits.
func ownTime(at time.Time) string { return at.UTC().Format(microTime) }

// storedTime scans the text of a time, and leaves the time alone where there is none.
type storedTime struct{ at *time.Time }

func stored(at *time.Time) storedTime { return storedTime{at} }

// Scan implements [database/sql.Scanner].
func (s storedTime) Scan(v any) error {
	text, is := v.(string)
	if !is {
		return nil
	}
	at, err := parseTime(text)
	*s.at = at
	return err
}

// timeForm is a day, optionally with a time of day, optionally with a zone.
var timeForm = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(\.\d{1,9})?)?\s?(?:(Z|z)|([+-]\d{2})(?::?(\d{2}))?)?)?$`)

// parseTime reads every form of time that clients and sync services write. A time without zone is UTC.
func parseTime(text string) (time.Time, error) {
	m := timeForm.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, errTimestamp
	}
	day, minute, second, fraction, hours, minutes := m[1], m[2], m[3], m[4], m[6], m[7]
	var b strings.Builder
	b.WriteString(day + "T" + orElse(minute, "00:00") + ":" + orElse(second, "00") + fraction)
	if hours == "" {
		b.WriteString("Z")
	} else {
		b.WriteString(hours + ":" + orElse(minutes, "00"))
	}
	at, err := time.Parse(time.RFC3339Nano, b.String())
	if at = at.UTC(); err != nil || at.Year() < 0 || at.Year() > 9999 {
		return time.Time{}, errTimestamp
	}
	return at, nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func midnight(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}
