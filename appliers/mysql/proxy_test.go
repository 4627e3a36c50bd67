package mysql

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between driver and server. It counts the commands, which are the round trips, and the statements in them,
// and breaks the connection where it is told to.
type proxy struct {
	addr       string
	roundTrips atomic.Int64
	statements atomic.Int64
	// breakAt is the word whose command is the last: broken before the server has it, or after, so that its answer is
	// lost.
	mu      sync.Mutex
	breakAt string
	after   bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: listener.Addr().String()}
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

// breakOn has the next command that contains a word break the connection.
func (p *proxy) breakOn(word string, after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.breakAt, p.after = word, after
}

// breaks tells what to do about a command.
func (p *proxy) breaks(command []byte) (now, after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.breakAt == "" || !bytes.Contains(command, []byte(p.breakAt)) {
		return false, false
	}
	p.breakAt = ""
	return true, p.after
}

func (p *proxy) serve(client net.Conn, target string) {
	defer func() { _ = client.Close() }()
	upstream, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = upstream.Close() }()
	done, mute := make(chan struct{}), &atomic.Bool{}
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, err := upstream.Read(buf)
			if err != nil || mute.Load() { // the server has done it, and nobody hears of it
				break
			}
			if _, err := client.Write(buf[:n]); err != nil {
				break
			}
		}
		_ = client.Close()
	}()
	p.pass(upstream, client, mute)
	if !mute.Load() {
		_ = upstream.Close()
	}
	<-done
}

// pass passes the client's packets on: length in three bytes, number, body. Commands have number 0.
func (p *proxy) pass(to io.Writer, from io.Reader, mute *atomic.Bool) {
	for {
		header := make([]byte, 4)
		if _, err := io.ReadFull(from, header); err != nil {
			return
		}
		body := make([]byte, int(header[0])|int(header[1])<<8|int(header[2])<<16)
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		isBreak, after := false, false
		if header[3] == 0 {
			p.roundTrips.Add(1)
			p.statements.Add(1 + int64(bytes.Count(body, []byte(separator))))
			isBreak, after = p.breaks(body)
		}
		if isBreak && !after {
			return
		}
		mute.Store(isBreak)
		if _, err := to.Write(append(header, body...)); err != nil || isBreak {
			return
		}
	}
}

// through is the configuration by way of the proxy.
func (p *proxy) through(e *engine, cfg Config) Config {
	cfg.DSN = strings.Replace(cfg.DSN, "("+e.dsn.Addr+")", "("+p.addr+")", 1)
	return cfg
}
