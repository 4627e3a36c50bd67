package acceptance

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"writegate/internal/pgtest"
)

// wire is a proxy in front of Postgres that counts round trips: every Sync and every simple Query that the
// driver sends makes it wait for the server once.
type wire struct {
	listener net.Listener
	target   string
	trips    atomic.Int64
	// cut breaks the connection in the round trip of that number: before the server hears of it, or with lost
	// set when the server has answered, so that only the answer is lost. 0 breaks none.
	cut  atomic.Int64
	lost atomic.Bool

	wg    sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
}

func newWire(t *testing.T, dsn string) *wire {
	t.Helper()
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, target: net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))}
	w.wg.Go(w.accept)
	t.Cleanup(w.close)
	return w
}

// openThroughWire opens a Postgres whose driver talks through a wire.
func openThroughWire(t *testing.T, ddl []string) (*wire, *stage) {
	t.Helper()
	dsn := pgtest.Fresh(t)
	w := newWire(t, dsn)
	through, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	through.Host = w.listener.Addr().String()
	return w, openPostgresAt(t, dsn, through.String(), engines[1].ddl(ddl))
}

func (w *wire) close() {
	_ = w.listener.Close()
	w.mu.Lock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.wg.Wait()
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, client, server)
		w.mu.Unlock()
		var mute atomic.Bool
		w.wg.Go(func() { w.backward(client, server, &mute); _ = client.Close(); _ = server.Close() })
		w.wg.Go(func() { _ = w.forward(server, bufio.NewReader(client), &mute); _ = server.Close(); _ = client.Close() })
	}
}

// backward passes the server's answers on until one is to be lost.
func (w *wire) backward(client io.Writer, server io.Reader, mute *atomic.Bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := server.Read(buf)
		if err != nil || mute.Load() {
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

var errCut = errors.New("cut on purpose")

// forward passes the driver's messages on, one by one.
func (w *wire) forward(server io.Writer, client *bufio.Reader, mute *atomic.Bool) error {
	length := make([]byte, 4)
	for first := true; ; first = false {
		var kind byte
		if !first { // the startup message has no type
			var err error
			if kind, err = client.ReadByte(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(client, length); err != nil {
			return err
		}
		rest := make([]byte, binary.BigEndian.Uint32(length)-4)
		if _, err := io.ReadFull(client, rest); err != nil {
			return err
		}
		if kind == 'S' || kind == 'Q' {
			if n := w.trips.Add(1); n == w.cut.Load() {
				if !w.lost.Load() {
					return errCut
				}
				mute.Store(true)
			}
		}
		message := append(length, rest...)
		if !first {
			message = append([]byte{kind}, message...)
		}
		if _, err := server.Write(message); err != nil {
			return err
		}
		length = make([]byte, 4)
	}
}
