package sqlserver

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"
)

// peer speaks the server's side of TDS as far as the client library needs it: login, batches, sp_executesql and
// attention. What it answers is scripted; it understands no SQL.
type peer struct {
	t        *testing.T
	listener net.Listener
	answer   func(request) reply

	mu     sync.Mutex
	heard  []request
	logins []failure // errors for the next logins
	open   map[net.Conn]bool
	joined sync.WaitGroup
}

// request is what the client asked.
type request struct {
	kind   string // batch, rpc or attention
	text   string
	decl   string
	params []string
	reset  bool
	conn   int
}

// reply is an answer. Hang says nothing at all, drop closes the connection in place of an answer.
type reply struct {
	sets       []resultSet
	errors     []failure
	begins     byte // 8, 9 or 10: what becomes of the transaction
	fatal      bool
	hang, drop bool
}

func newPeer(t *testing.T, answer func(request) reply) *peer {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, listener: listener, answer: answer, open: map[net.Conn]bool{}}
	p.joined.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.hangUp()
		p.joined.Wait()
	})
	return p
}

// dsn is how the driver gets here.
func (p *peer) dsn() string {
	return "sqlserver://user:secret@" + p.listener.Addr().String() + "?database=shop&encrypt=disable&dial+timeout=2"
}

// hangUp closes every connection.
func (p *peer) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close()
	}
}

// requests returns what was asked since the last call.
func (p *peer) requests() []request {
	p.mu.Lock()
	defer p.mu.Unlock()
	heard := p.heard
	p.heard = nil
	return heard
}

func (p *peer) failLogins(failures ...failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logins = failures
}

func (p *peer) accept() {
	for n := 1; ; n++ {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.open[conn] = true
		p.mu.Unlock()
		p.joined.Go(func() {
			err := p.serve(conn, n)
			_ = conn.Close()
			p.mu.Lock()
			delete(p.open, conn)
			p.mu.Unlock()
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, errDropped) && !strings.Contains(err.Error(), "reset") {
				p.t.Errorf("the peer: %v", err)
			}
		})
	}
}

var errDropped = errors.New("dropped on purpose")

// message is what arrives between two ends of message.
type message struct {
	kind  byte
	reset bool
	body  []byte
}

func readMessage(conn net.Conn) (message, error) {
	var m message
	for {
		header := make([]byte, 8)
		if _, err := io.ReadFull(conn, header); err != nil {
			return m, err
		}
		body := make([]byte, int(binary.BigEndian.Uint16(header[2:]))-8)
		if _, err := io.ReadFull(conn, body); err != nil {
			return m, err
		}
		m.kind, m.body = header[0], append(m.body, body...)
		m.reset = m.reset || header[1]&8 != 0
		if header[1]&1 != 0 {
			return m, nil
		}
	}
}

func send(conn net.Conn, tokens []byte) error {
	for first := true; first || len(tokens) > 0; first = false {
		n := min(len(tokens), 4000)
		header := []byte{4, 0, 0, 0, 0, 0, 1, 0}
		if n == len(tokens) {
			header[1] = 1
		}
		binary.BigEndian.PutUint16(header[2:], uint16(n+8))
		if _, err := conn.Write(append(header, tokens[:n]...)); err != nil {
			return err
		}
		tokens = tokens[n:]
	}
	return nil
}

func (p *peer) serve(conn net.Conn, n int) error {
	for {
		m, err := readMessage(conn)
		if err != nil {
			return err
		}
		var out []byte
		switch m.kind {
		case 0x12: // what it can do: a version, and no encryption
			out = []byte{0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 16, 0, 0, 0, 0, 0, 2}
		case 0x10:
			out, err = p.login()
		case 0x01, 0x03:
			out, err = p.ask(conn, m, n)
		case 0x06:
			out = done(doneAttn)
		case 0x0e: // the transaction manager: 5 begins, 7 commits, 8 rolls back
			c := &cursor{m.body}
			c.take(c.u32() - 4)
			out = join(transaction(map[int]byte{5: 8, 7: 9, 8: 10}[c.u16()]), done(0))
		default:
			err = fmt.Errorf("message of kind %#x", m.kind)
		}
		if len(out) > 0 {
			err = errors.Join(send(conn, out), err)
		}
		if err != nil {
			return err
		}
	}
}

func (p *peer) login() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.logins) > 0 {
		f := p.logins[0]
		p.logins = p.logins[1:]
		return join(f.token(), done(doneError)), nil
	}
	name := "peer"
	body := join([]byte{1, 0x74, 0, 0, 4}, shortText(name), []byte{16, 0, 0, 0})
	return join([]byte{0xad}, le16(len(body)), body, done(0)), nil
}

// ask passes a request on and writes the answer. A client that stops waiting sends an attention, which is answered.
func (p *peer) ask(conn net.Conn, m message, n int) ([]byte, error) {
	r, err := decode(m)
	if err != nil {
		return nil, err
	}
	r.conn = n
	p.mu.Lock()
	p.heard = append(p.heard, r)
	p.mu.Unlock()
	a := p.answer(r)
	if a.drop {
		return nil, errDropped
	}
	if a.hang {
		later, err := readMessage(conn)
		if err != nil {
			return nil, err
		}
		if later.kind != 0x06 {
			return nil, fmt.Errorf("a message of kind %#x while an answer was due", later.kind)
		}
		p.mu.Lock()
		p.heard = append(p.heard, request{kind: "attention", conn: n})
		p.mu.Unlock()
		return done(doneAttn), nil
	}
	var out []byte
	for _, s := range a.sets {
		out = append(out, s.tokens()...)
	}
	status := 0
	for _, f := range a.errors {
		out, status = append(out, f.token()...), doneError
	}
	if a.begins != 0 {
		out = append(out, transaction(a.begins)...)
	}
	if a.fatal {
		return append(out, done(doneSrvError|doneError)...), nil
	}
	return append(out, done(status)...), nil
}

// cursor reads a message.
type cursor struct{ b []byte }

func (c *cursor) take(n int) []byte {
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}
func (c *cursor) u8() int  { return int(c.take(1)[0]) }
func (c *cursor) u16() int { return int(binary.LittleEndian.Uint16(c.take(2))) }
func (c *cursor) u32() int { return int(binary.LittleEndian.Uint32(c.take(4))) }

func text(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

func decode(m message) (r request, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("a request can't be read: %v", v)
		}
	}()
	c := &cursor{m.body}
	c.take(c.u32() - 4) // headers
	r.reset = m.reset
	if m.kind == 0x01 {
		r.kind, r.text = "batch", text(c.b)
		return r, nil
	}
	r.kind = "rpc"
	if id, proc := c.u16(), c.u16(); id != 0xffff || proc != 10 {
		return r, errors.New("a procedure other than sp_executesql")
	}
	c.u16()
	var values []string
	for len(c.b) > 0 {
		c.take(2 * c.u8()) // name
		c.u8()
		values = append(values, value(c))
	}
	r.text, r.decl, r.params = strings.TrimSpace(values[0]), values[1], values[2:]
	return r, nil
}

// value reads one parameter.
func value(c *cursor) string {
	switch kind := c.u8(); kind {
	case 0xe7, 0xa5:
		size := c.u16()
		if kind == 0xe7 {
			c.take(5)
		}
		var raw []byte
		if size == 0xffff {
			if length := binary.LittleEndian.Uint64(c.take(8)); length == math.MaxUint64 {
				return "NULL"
			}
			for n := c.u32(); n > 0; n = c.u32() {
				raw = append(raw, c.take(n)...)
			}
		} else {
			raw = c.take(c.u16())
		}
		if kind == 0xa5 {
			return "0x" + hex.EncodeToString(raw)
		}
		return text(raw)
	case 0x26:
		c.u8()
		var n [8]byte
		copy(n[:], c.take(c.u8()))
		return fmt.Sprint(int64(binary.LittleEndian.Uint64(n[:])))
	case 0x68:
		c.u8()
		return fmt.Sprint(c.take(c.u8())[0])
	case 0x6d:
		c.u8()
		c.u8()
		return fmt.Sprint(math.Float64frombits(binary.LittleEndian.Uint64(c.take(8))))
	case 0x2b:
		c.u8()
		raw := c.take(c.u8())
		var ticks [8]byte
		copy(ticks[:], raw[:5])
		days := int(raw[5]) | int(raw[6])<<8 | int(raw[7])<<16
		at := time.Date(1, 1, 1+days, 0, 0, 0, 0, time.UTC).Add(time.Duration(binary.LittleEndian.Uint64(ticks[:])) * 100)
		return at.Format("2006-01-02T15:04:05.0000000Z")
	default:
		panic(fmt.Sprintf("a parameter of type %#x", kind))
	}
}

// opened opens the driver on a peer.
func opened(t *testing.T, p *peer, change ...func(*Config)) *DB {
	t.Helper()
	cfg := Config{DSN: p.dsn(), AcquireTimeout: 5 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	db, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
	t.Cleanup(func() { _ = db.Close() })
	p.requests()
	return db
}
