package wire

import (
	"strconv"
	"strings"
	"time"
)

// Moment is a date, a time of day or both, as a client wrote it.
type Moment struct {
	HasDate, HasClock    bool
	Year, Month, Day     int // a day there is, of the years 0 to 999999
	Hour, Minute, Second int
	Nanosecond           int
	Offset               int // seconds east of UTC, less than 16 hours; 0 without a zone
}

// ParseMoment reads every form in which clients and the sync service write dates and times: date, time, or both with a
// blank or a T between; a fraction of any length, of which nine digits count and the others are cut off; an optional
// offset, with an optional blank before it. Years have four to six digits. There are no leap seconds.
func ParseMoment(s string) (Moment, bool) {
	var m Moment
	in := scanner(strings.TrimSpace(s))
	if dash := strings.IndexByte(string(in[min(1, len(in)):]), '-'); dash >= 0 && !strings.Contains(string(in[:dash+1]), ":") {
		if !in.date(&m) {
			return Moment{}, false
		}
		if in == "" {
			return m, true
		}
		if !in.take(' ') && !in.take('T') && !in.take('t') {
			return Moment{}, false
		}
	}
	if !in.clock(&m) || !in.zone(&m) || in != "" {
		return Moment{}, false
	}
	return m, true
}

// Instant returns the moment as a time in UTC. A moment without a zone is in UTC already; one without a date is no instant.
func (m Moment) Instant() time.Time {
	at := time.Date(m.Year, time.Month(m.Month), m.Day, m.Hour, m.Minute, m.Second, m.Nanosecond, time.UTC)
	return at.Add(-time.Duration(m.Offset) * time.Second)
}

// Midnight returns the beginning of the day as it is written, in UTC. A time of day and a zone are left out.
func (m Moment) Midnight() time.Time {
	return time.Date(m.Year, time.Month(m.Month), m.Day, 0, 0, 0, 0, time.UTC)
}

// scanner is what is left to read.
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

func (s *scanner) date(m *Moment) bool {
	m.HasDate = true
	s.take('+')
	return s.digits(4, 6, &m.Year) && s.take('-') && s.digits(2, 2, &m.Month) && s.take('-') && s.digits(2, 2, &m.Day) &&
		m.Month >= 1 && m.Month <= 12 && m.Day >= 1 && m.Day <= daysIn(m.Year, m.Month)
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func (s *scanner) clock(m *Moment) bool {
	m.HasClock = true
	if !s.digits(2, 2, &m.Hour) || !s.take(':') || !s.digits(2, 2, &m.Minute) || m.Hour > 23 || m.Minute > 59 {
		return false
	}
	if !s.take(':') {
		return true
	}
	if !s.digits(2, 2, &m.Second) || m.Second > 59 {
		return false
	}
	if !s.take('.') && !s.take(',') {
		return true
	}
	rest := strings.TrimLeft(string(*s), "0123456789")
	fraction := string((*s)[:len(*s)-len(rest)])
	if fraction == "" {
		return false
	}
	m.Nanosecond, _ = strconv.Atoi((fraction + "000000000")[:9])
	*s = scanner(rest)
	return true
}

func (s *scanner) zone(m *Moment) bool {
	if *s == "" {
		return true
	}
	s.take(' ')
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
	m.Offset = sign * (hours*3600 + minutes*60 + seconds)
	return hours <= 15 && minutes <= 59 && seconds <= 59
}
