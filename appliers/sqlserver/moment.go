package sqlserver

import (
	"strconv"
	"strings"
	"time"
)

// moment is a date, a time of day or both, with or without a zone, as a client wrote it.
type moment struct {
	date, clock          bool
	year, month, day     int
	hour, minute, second int
	nanosecond           int
	offset               time.Duration // east of UTC
}

// parseMoment reads every form in which clients and the sync service write dates and times: date, time, or both
// with a blank or a T between; a fraction of any length, of which nine digits count; an optional zone.
func parseMoment(s string) (moment, bool) {
	var m moment
	in := scanner(strings.TrimSpace(s))
	if len(in) >= 5 && in[4] == '-' {
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
	return m, in.time(&m) && in.zone(&m) && in == ""
}

// instant returns the moment as a time in UTC. A moment without a zone is in UTC already.
func (m moment) instant() time.Time {
	return time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, m.nanosecond, time.UTC).Add(-m.offset)
}

type scanner string

// digits reads exactly n digits.
func (s *scanner) digits(n int, into *int) bool {
	if len(*s) < n {
		return false
	}
	for i := range n {
		if (*s)[i] < '0' || (*s)[i] > '9' {
			return false
		}
	}
	*into, _ = strconv.Atoi(string((*s)[:n]))
	*s = (*s)[n:]
	return true
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
	return s.digits(4, &m.year) && s.take('-') && s.digits(2, &m.month) && s.take('-') && s.digits(2, &m.day) &&
		m.month >= 1 && m.month <= 12 && m.day >= 1 && m.day <= time.Date(m.year, time.Month(m.month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func (s *scanner) time(m *moment) bool {
	m.clock = true
	if !s.digits(2, &m.hour) || !s.take(':') || !s.digits(2, &m.minute) || m.hour > 23 || m.minute > 59 {
		return false
	}
	if !s.take(':') {
		return true
	}
	if !s.digits(2, &m.second) || m.second > 59 {
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
	if *s == "" || s.take('Z') || s.take('z') {
		return true
	}
	sign := time.Duration(1)
	if s.take('-') {
		sign = -1
	} else if !s.take('+') {
		return false
	}
	var hours, minutes int
	if !s.digits(2, &hours) || hours > 15 {
		return false
	}
	if *s != "" {
		s.take(':')
		if !s.digits(2, &minutes) || minutes > 59 {
			return false
		}
	}
	m.offset = sign * (time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute)
	return true
}
