package writegate

import (
	"sync"
	"time"
)

// limit is how many operations a database transaction is given: fewer when they take too long, and again more
// when they don't. It is shared by all uploads, so that a device that sends again finds it as it should be.
type limit struct {
	mu   sync.Mutex
	now  int
	most int
	time time.Duration
	// wary is when the limit may grow again after the database gave up: finding out costs a timeout.
	wary time.Time
}

const waryFor = time.Minute

// ops returns the limit, at least 1.
func (l *limit) ops() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// took hears how long a number of operations took.
func (l *limit) took(ops int, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case d > l.time:
		l.now = max(1, min(l.now, int(float64(ops)*float64(l.time)/float64(d))))
	case d < l.time/4 && ops >= l.now/2 && time.Now().After(l.wary):
		l.now = min(l.most, 2*l.now)
	}
}

// failed hears that the database gave up a number of operations.
func (l *limit) failed(ops int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.wary = max(1, min(l.now, ops/2)), time.Now().Add(waryFor)
}
