package syncverify

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The times of the service's cache of remote keys.
const (
	refreshAfter = 5 * time.Minute  // then the next request has the keys fetched while it uses the old ones
	dropAfter    = 60 * time.Minute // without a good fetch
	burst        = 10               // fetches for unknown keys at once, and then
	perFetch     = time.Minute      // one in each of these
	longestWait  = 3 * time.Second
)

// remote is a key set at an address, as the service keeps it.
type remote struct {
	fetch func(context.Context) ([]byte, error)
	now   func() time.Time
	scale time.Duration

	mu      sync.Mutex
	good    []key
	err     error
	fetched time.Time     // of the last good fetch
	tried   time.Time     // of the last one, good or not
	running chan struct{} // closed when the running fetch ends, nil when none runs
	tokens  float64       // of the leaky bucket
	filled  time.Time
}

func newRemote(fetch func(context.Context) ([]byte, error), now func() time.Time, scale int) *remote {
	return &remote{fetch: fetch, now: now, scale: time.Duration(scale), tokens: burst, filled: now()}
}

// keys returns the keys that count now. The first call, and one after they were dropped, waits for a fetch; one that
// finds them old starts a fetch and does not wait.
func (r *remote) keys(ctx context.Context) ([]key, error) {
	r.mu.Lock()
	now := r.now()
	if !r.fetched.IsZero() && now.Sub(r.fetched) < dropAfter/r.scale {
		if now.Sub(r.tried) > refreshAfter/r.scale {
			r.start()
		}
		defer r.mu.Unlock()
		return r.good, nil
	}
	done := r.start()
	r.mu.Unlock()
	r.wait(ctx, done)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fetched.IsZero() || r.now().Sub(r.fetched) >= dropAfter/r.scale {
		if r.err != nil {
			return nil, r.err
		}
		return nil, errors.New("timed out")
	}
	return r.good, nil
}

// again fetches for a key that is unknown, unless that was done too often.
func (r *remote) again(ctx context.Context) bool {
	r.mu.Lock()
	now := r.now()
	r.tokens = min(burst, r.tokens+float64(now.Sub(r.filled))/float64(perFetch/r.scale))
	r.filled = now
	if r.tokens < 1 {
		r.mu.Unlock()
		return false
	}
	r.tokens--
	done := r.start()
	r.mu.Unlock()
	r.wait(ctx, done)
	return true
}

// start begins a fetch, or joins the running one. The lock is held.
func (r *remote) start() chan struct{} {
	if r.running != nil {
		return r.running
	}
	done := make(chan struct{})
	r.running, r.tried = done, r.now()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		body, err := r.fetch(ctx)
		var keys []key
		if err == nil {
			keys, err = readSet(body, false)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.running, r.err = nil, err; err == nil {
			r.good, r.fetched = keys, r.now()
		}
		close(done)
	}()
	return done
}

func (r *remote) wait(ctx context.Context, done chan struct{}) {
	timer := time.NewTimer(longestWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
}
