package postgres

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between driver and server and counts round trips at the wire: how often the client waits for
// the server, which is once for each Sync and each simple Query.
type proxy struct {
	dsn        string
	roundTrips atomic.Int64
}

func newProxy(t *testing.T, dsn string) *proxy {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	target := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Host = listener.Addr().String()
	p := &proxy{dsn: u.String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.serve(client, target) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); running.Wait() })
	return p
}

func (p *proxy) serve(client net.Conn, target string) {
	defer func() { _ = client.Close() }()
	upstream, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = upstream.Close() }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(client, upstream)
		_ = client.Close()
	}()
	p.copyCounting(upstream, client)
	_ = upstream.Close()
	<-done
}

// copyCounting passes the frontend's messages on: a start message without a type, then type, length, body.
func (p *proxy) copyCounting(to io.Writer, from io.Reader) {
	started := false
	for {
		header := make([]byte, 5)
		if !started {
			header = header[:4]
		}
		if _, err := io.ReadFull(from, header); err != nil {
			return
		}
		size := header[len(header)-4:]
		n := int(size[0])<<24 | int(size[1])<<16 | int(size[2])<<8 | int(size[3])
		body := make([]byte, n-4)
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		if started && (header[0] == 'S' || header[0] == 'Q') {
			p.roundTrips.Add(1)
		}
		started = true
		if _, err := to.Write(append(header, body...)); err != nil {
			return
		}
	}
}
