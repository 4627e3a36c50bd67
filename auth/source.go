package auth

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// source is one key set at a URL. Its last good keys stay in force for a while when it is down; one fetch runs at a
// time.
type source struct {
	verifier *Verifier
	life     context.Context // ends the fetching
	client   *http.Client
	url      string
	issuer   string // where url is its discovery document, which says where the key set is
	log      *slog.Logger

	mu      sync.Mutex
	flight  *flight   // nil when no fetch is running
	good    []*key    // of the last good fetch
	goodAt  time.Time // when that was; zero when its keys count no longer
	ended   time.Time
	lastErr error
}

// flight is a fetch that others may wait for.
type flight struct {
	done    chan struct{}
	err     error
	waiting int // how many wait, under the source's mu
}

// mostWaiting is how many may wait for one fetch. Anybody can ask for one, with a kid that nobody has.
const mostWaiting = 1000

var errCrowded = errors.New("too many wait for the key set already")

func newSource(life context.Context, v *Verifier, raw, issuer string) *source {
	s := &source{verifier: v, life: life, client: v.options.client(raw), url: raw, issuer: issuer}
	host := ""
	if u, err := url.Parse(raw); err == nil {
		host = u.Host + u.Path
	}
	s.log = v.options.Log.With("jwks", host)
	return s
}

// keys returns the keys of the last good fetch.
func (s *source) keys() []*key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.good
}

// lacks reports whether the source never answered, or not for so long that its keys count no longer.
func (s *source) lacks() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.goodAt.IsZero()
}

// keepFresh fetches at once and then again and again, sooner after a failure. A set that never had keys may stay so for
// good, as that of a Supabase project with a shared secret does; whoever comes with a key has it fetched at once anyway.
func (s *source) keepFresh() {
	for s.life.Err() == nil {
		wait := s.verifier.options.RefreshEvery
		if err := s.refresh(s.life); err != nil && (!errors.Is(err, errNoKeys) || !s.lacks()) {
			wait = min(wait, retryAfter)
		}
		// Up to a tenth sooner, so that replicas don't ask all at once.
		timer := time.NewTimer(wait - rand.N(wait/10+1))
		select {
		case <-s.life.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// refresh joins the running fetch or makes one, and returns its error. Within the cooldown it returns
// what the last one returned.
func (s *source) refresh(ctx context.Context) error {
	s.mu.Lock()
	f := s.flight
	if f == nil {
		if err := s.life.Err(); err != nil || s.cooling() {
			if err == nil {
				err = s.lastErr
			}
			s.mu.Unlock()
			return err
		}
		f = &flight{done: make(chan struct{})}
		s.flight = f
		s.verifier.closed.Go(func() { s.fly(f) })
	}
	if f.waiting == mostWaiting {
		s.mu.Unlock()
		return errCrowded
	}
	f.waiting++
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		f.waiting--
		return ctx.Err()
	}
}

func (s *source) cooling() bool {
	return !s.ended.IsZero() && time.Since(s.ended) < s.verifier.options.RefreshCooldown
}

// fly fetches for everybody who waits; whoever asked first may have gone.
func (s *source) fly(f *flight) {
	ctx, cancel := context.WithTimeout(s.life, s.verifier.options.FetchTimeout)
	defer cancel()
	keys, ignored, err := s.fetch(ctx)

	s.mu.Lock()
	before, changed := s.lastErr, err == nil && (s.goodAt.IsZero() || !sameKeys(s.good, keys))
	dropped := err != nil && !s.goodAt.IsZero() && time.Since(s.goodAt) >= s.verifier.options.KeepKeys
	switch {
	case err == nil:
		s.good, s.goodAt = keys, time.Now()
	case dropped:
		s.good, s.goodAt = nil, time.Time{}
	}
	s.mu.Unlock()
	if changed || dropped {
		s.verifier.gather()
	}
	s.mu.Lock()
	s.flight, s.ended, s.lastErr = nil, time.Now(), err
	s.mu.Unlock()

	if dropped {
		s.log.ErrorContext(s.life, "key set can't be fetched for too long; its keys count no longer", "kept", s.verifier.options.KeepKeys, "error", err)
	}
	s.tell(before, err, changed, len(keys), ignored)
	f.err = err
	close(f.done)
}

// tell logs what is news.
func (s *source) tell(before, err error, changed bool, keys int, ignored []error) {
	ctx := s.life
	switch {
	case ctx.Err() != nil:
	case before == nil && errors.Is(err, errNoKeys):
		s.log.WarnContext(ctx, "key set has no keys, which counts as no answer; the last good keys stay in force for a while", "error", err)
	case err != nil && before == nil:
		s.log.WarnContext(ctx, "key set can't be fetched; the last good keys stay in force for a while", "error", err)
	case err != nil:
		s.log.DebugContext(ctx, "key set still can't be fetched", "error", err)
	case changed || before != nil:
		s.log.InfoContext(ctx, "key set fetched", "keys", keys)
		if len(ignored) > 0 {
			s.log.WarnContext(ctx, "some keys of the set are ignored", "keys", len(ignored), "first", ignored[0])
		}
	}
}

// settle returns when no further fetch can start; the life of the source has ended before.
func (s *source) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
}
