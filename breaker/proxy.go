package breaker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// proxy stands between devices and replicas as a load balancer would, one that ill-treats a part of the requests.
type proxy struct {
	backends []string
	counts   *counts
	client   *http.Client
	server   *http.Server
	listener net.Listener
	next     atomic.Int64
	calm     atomic.Bool
	settled  []atomic.Int64 // uploads that each backend has settled, all of them
	later    sync.WaitGroup
	stop     chan struct{}

	mu      sync.Mutex
	rnd     *rand.Rand
	flights map[*flight]bool
}

// flight is a request that a backend works on.
type flight struct {
	backend int
	begun   time.Time
	// fair says that the proxy does nothing to it.
	fair bool
	// broken is set when the backend ended it without an answer.
	broken atomic.Bool
	over   chan struct{}
}

// mishap is what the proxy does to a request.
type mishap string

const (
	none       mishap = ""
	dropBefore mishap = "request dropped"
	dropAfter  mishap = "answer dropped"
	delayed    mishap = "request delayed"
	doubled    mishap = "request sent again later"
	cut        mishap = "body cut off"
	slow       mishap = "body a few bytes at a time"
)

var mishaps = []mishap{dropBefore, dropAfter, dropAfter, delayed, doubled, doubled, cut, slow}

// unfair is how many of a hundred requests have a mishap.
const unfair = 20

func newProxy(ctx context.Context, backends []string, rnd *rand.Rand, c *counts) (*proxy, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{
		backends: backends, counts: c, rnd: rnd, listener: l, stop: make(chan struct{}), flights: map[*flight]bool{}, settled: make([]atomic.Int64, len(backends)),
		// A connection for each request: one that is kept may be closed by a replica at the moment that it is used.
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute},
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(l) }()
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// behave ends all mishaps.
func (p *proxy) behave() { p.calm.Store(true) }

// wait returns when nothing is left to be sent again later.
func (p *proxy) wait() { p.later.Wait() }

func (p *proxy) close() {
	close(p.stop)
	p.later.Wait()
	_ = p.server.Close()
	p.client.CloseIdleConnections()
}

// draw decides what happens to a request, and for how long.
func (p *proxy) draw() (mishap, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := time.Duration(20+p.rnd.IntN(1500)) * time.Millisecond
	if p.calm.Load() || p.rnd.IntN(100) >= unfair {
		return none, d
	}
	return mishaps[p.rnd.IntN(len(mishaps))], d
}

// ServeHTTP passes a request on, to the replicas in turn.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the device has gone
	}
	what, d := p.draw()
	if what != none {
		p.counts.fault("proxy", string(what))
	}
	switch what {
	case dropBefore:
		panic(http.ErrAbortHandler)
	case delayed:
		wait(r.Context(), d)
	case doubled:
		header := r.Header.Clone()
		p.later.Go(func() {
			select {
			case <-time.After(2 * d):
				if res, err := p.pass(context.Background(), header, r.URL.Path, body, none, d); err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			case <-p.stop:
			}
		})
	}
	// What a device gives up goes on in the replica, as behind a real balancer.
	res, err := p.pass(context.WithoutCancel(r.Context()), r.Header, r.URL.Path, body, what, d)
	if err != nil {
		if what == cut {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || what == dropAfter {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(answer)
}

// pass sends a request to the replica whose turn it is, or to the next where nobody listens.
func (p *proxy) pass(ctx context.Context, header http.Header, path string, body []byte, what mishap, d time.Duration) (*http.Response, error) {
	turn := int(p.next.Add(1))
	var err error
	for try := range len(p.backends) {
		backend := (turn + try) % len(p.backends)
		var res *http.Response
		if res, err = p.ask(ctx, backend, header, path, body, what, d); err == nil {
			return res, nil
		}
		if refused := (*net.OpError)(nil); !errors.As(err, &refused) || refused.Op != "dial" {
			return nil, err
		}
	}
	return nil, err
}

func (p *proxy) ask(ctx context.Context, backend int, header http.Header, path string, body []byte, what mishap, d time.Duration) (*http.Response, error) {
	var sent io.Reader = bytes.NewReader(body)
	switch what {
	case cut:
		sent = io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{})
	case slow:
		sent = &trickle{rest: body, step: max(1, len(body)/20), pause: d / 20}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.backends[backend]+path, sent)
	if err != nil {
		return nil, err
	}
	req.Header = header.Clone()
	req.ContentLength = int64(len(body))
	f := p.begin(backend, what != cut && what != slow)
	defer p.end(f)
	res, err := p.client.Do(req)
	if err != nil {
		f.broken.Store(true)
		return nil, err
	}
	// The whole answer belongs to the flight.
	answer, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		f.broken.Store(true)
		return nil, err
	}
	if res.StatusCode == http.StatusOK && !bytes.Contains(answer, []byte("retryable_error")) {
		p.settled[backend].Add(1)
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	return res, nil
}

func (p *proxy) begin(backend int, fair bool) *flight {
	f := &flight{backend: backend, begun: time.Now(), fair: fair, over: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flights[f] = true
	return f
}

func (p *proxy) end(f *flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.flights, f)
	close(f.over)
}

// arrival is how long it takes at most until a replica has a request that was sent to it.
const arrival = 900 * time.Millisecond

// under returns the flights that a backend has surely been working on.
func (p *proxy) under(backend int) []*flight {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*flight
	for f := range p.flights {
		if f.backend == backend && f.fair && time.Since(f.begun) > arrival {
			all = append(all, f)
		}
	}
	return all
}

// brokenOff counts the flights that their backend ended without an answer.
func brokenOff(flights []*flight) int {
	return len(slices.DeleteFunc(slices.Clone(flights), func(f *flight) bool {
		<-f.over
		return !f.broken.Load()
	}))
}

// broken fails where a body should go on.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("cut off by the proxy") }

// trickle is a body that comes a few bytes at a time.
type trickle struct {
	rest  []byte
	step  int
	pause time.Duration
}

func (t *trickle) Read(b []byte) (int, error) {
	if len(t.rest) == 0 {
		return 0, io.EOF
	}
	time.Sleep(t.pause)
	n := copy(b, t.rest[:min(len(t.rest), t.step)])
	t.rest = t.rest[n:]
	return n, nil
}
