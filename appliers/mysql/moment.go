package mysql

import (
	"strconv"
	"strings"
	"time"
)

// lastYear is the greatest year that the server stores.
const lastYear = 9999

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
