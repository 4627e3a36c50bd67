package acceptance

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// wire is a proxy in front of Postgres that counts round trips: every Sync and every simple Query that the
// driver sends makes it wait for the server once.
type wire struct {
	listener net.Listener
	target   string
	trips    atomic.Int64
	// cut is asked before each message is passed on; true breaks the connection instead.
	cut   func(message byte) bool
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
	w := &wire{listener: l, target: net.JoinHostPort(cfg.Host, portOf(cfg))}
	w.wg.Go(w.accept)
	t.Cleanup(w.close)
	return w
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
		w.wg.Go(func() { _, _ = io.Copy(client, server); _ = client.Close() })
		w.wg.Go(func() { _ = w.forward(server, bufio.NewReader(client)); _ = server.Close(); _ = client.Close() })
	}
}

var errCut = errors.New("cut on purpose")

// forward passes the driver's messages on, one by one.
func (w *wire) forward(server io.Writer, client *bufio.Reader) error {
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
			w.trips.Add(1)
		}
		if w.cut != nil && w.cut(kind) {
			return errCut
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
