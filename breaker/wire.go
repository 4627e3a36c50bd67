package breaker

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// wire stands between daemons and a database that speaks a protocol in which a commit is the word.
type wire struct {
	target   string
	listener net.Listener
	state    atomic.Int32
	hits     atomic.Int64 // commits that were lost, or whose answers were

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// What a wire does.
const (
	passing   int32 = iota
	deafening       // commits arrive, and their answers get lost with the connection
	swallowing
	silent // nothing arrives anywhere, and nobody is told
)

func newWire(ctx context.Context, target string) (*wire, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{target: target, listener: l, conns: map[net.Conn]bool{}}
	go w.accept(context.WithoutCancel(ctx))
	return w, nil
}

func (w *wire) addr() string { return w.listener.Addr().String() }

// is has the wire do something from now on, as a fault does.
func (w *wire) is(state int32) func(context.Context) error {
	return func(context.Context) error {
		w.state.Store(state)
		return nil
	}
}

func (w *wire) close() {
	w.listener.Close()
	w.state.Store(passing)
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.Close()
	}
}

func (w *wire) accept(ctx context.Context) {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := dialer.DialContext(ctx, "tcp", w.target)
		if err != nil {
			client.Close()
			continue
		}
		w.keep(client, server)
		go w.copy(server, client, true)
		go w.copy(client, server, false)
	}
}

func (w *wire) keep(conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		w.conns[c] = true
	}
}

// copy passes on what one side sends, and closes both in the end.
func (w *wire) copy(to, from net.Conn, asks bool) {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range []net.Conn{to, from} {
			delete(w.conns, c)
			c.Close()
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		for w.state.Load() == silent {
			time.Sleep(10 * time.Millisecond)
		}
		state := w.state.Load()
		commits := asks && (state == deafening || state == swallowing) && bytes.Contains(bytes.ToLower(buf[:n]), []byte("commit")) && rand.IntN(3) == 0
		if commits {
			w.hits.Add(1)
		}
		if commits && state == swallowing {
			return
		}
		if commits {
			from.Close() // nobody hears the answer
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
		if commits {
			time.Sleep(20 * time.Millisecond) // the server has to have read it
			return
		}
	}
}
