package issue

import (
	"sync"
	"time"

	"writegate"
)

// limiter counts by key within each minute of the clock.
type limiter struct {
	most int

	mu     sync.Mutex
	minute time.Time
	counts map[string]int // a key is here once it was let through, so there are never more than tokens were made
}

func newLimiter(most int) *limiter { return &limiter{most: most, counts: map[string]int{}} }

// take counts one more for a key, or says when it is worth trying again.
func (l *limiter) take(key string, now time.Time) error {
	minute := now.Truncate(time.Minute)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.minute.Equal(minute) {
		l.minute = minute
		clear(l.counts)
	}
	if l.counts[key] >= l.most {
		return &writegate.Error{
			Class: writegate.Retry, Code: writegate.TooMany, Reason: ReasonTooMany,
			Message: "Too many tokens were asked for in this minute.", RetryAfter: minute.Add(time.Minute).Sub(now),
		}
	}
	l.counts[key]++
	return nil
}

// giveBack takes back what take has just counted for a key that got nothing for it.
func (l *limiter) giveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts[key]--; l.counts[key] <= 0 { // the minute may have turned meanwhile
		delete(l.counts, key)
	}
}
