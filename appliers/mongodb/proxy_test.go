package mongodb

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// proxy stands between the driver and a server and changes what they say to each other. Unlike a fail point of the
// server it concerns nobody else.
type proxy struct {
	t        *testing.T
	listener net.Listener
	server   string

	mu    sync.Mutex
	asked func(name string, command bson.D) order
	told  func(name string, reply bson.D) bson.D
	open  []net.Conn
	done  sync.WaitGroup
}

// order is what becomes of a command. The zero order lets it pass.
type order struct {
	instead bson.D // sent instead of it
	reply   bson.D // the answer, without asking the server
	lose    bool   // the connection ends without an answer
	late    bool   // only after the server has done it
}

func failure(code int, labels ...string) order {
	reply := bson.D{{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: "planted"}, {Key: "code", Value: int32(code)}}
	if len(labels) > 0 {
		reply = append(reply, bson.E{Key: "errorLabels", Value: labels})
	}
	return order{reply: reply}
}

// newProxy listens until the test ends.
func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &proxy{t: t, listener: listener, server: server}
	w.done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			w.done.Go(func() { w.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		w.cut()
		w.done.Wait()
	})
	return w
}

// cut ends all connections.
func (w *proxy) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.open {
		_ = conn.Close()
	}
	w.open = nil
}

// on has fn decide on every command from now on; nil lets all pass.
func (w *proxy) on(fn func(name string, command bson.D) order) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = fn
}

// tell has fn change every answer from now on; nil lets all pass.
func (w *proxy) tell(fn func(name string, reply bson.D) bson.D) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = fn
}

// asStandalone makes the server one that is no member of a replica set.
func asStandalone(name string, reply bson.D) bson.D {
	if name == "hello" || name == "isMaster" || name == "ismaster" {
		return without(reply, "setName", "setVersion", "hosts", "primary", "me")
	}
	return reply
}

// once gives an order for the next command of a name.
func (w *proxy) once(name string, o order) { w.times(1, name, o) }

func (w *proxy) times(n int, name string, o order) {
	w.on(func(got string, _ bson.D) order {
		if got != name || n == 0 {
			return order{}
		}
		n--
		return o
	})
}

func (w *proxy) dsn(database string) string {
	return "mongodb://" + w.listener.Addr().String() + "/" + database + "?directConnection=true"
}

func (w *proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", w.server)
	if err != nil {
		_ = client.Close()
		return
	}
	w.mu.Lock()
	w.open = append(w.open, client, server)
	w.mu.Unlock()
	defer func() { _ = client.Close() }()
	defer func() { _ = server.Close() }()
	for {
		message, err := readMessage(client)
		if err != nil || !w.exchange(message, client, server) {
			return
		}
	}
}

// exchange passes one command on and its answer back, and reports whether the connection goes on.
func (w *proxy) exchange(message []byte, client, server net.Conn) bool {
	start, end := document(message)
	var command bson.D
	if bson.Unmarshal(message[start:end], &command) != nil || len(command) == 0 {
		return false
	}
	name := command[0].Key
	w.mu.Lock()
	var o order
	if w.asked != nil {
		o = w.asked(name, command)
	}
	told := w.told
	w.mu.Unlock()
	switch {
	case o.lose && !o.late:
		return false
	case o.reply != nil:
		_, err := client.Write(answer(message, o.reply))
		return err == nil
	case o.instead != nil:
		message = withDocument(message, o.instead)
	}
	if _, err := server.Write(message); err != nil {
		return false
	}
	reply, err := readMessage(server)
	if err != nil || o.late {
		return false
	}
	if told != nil {
		var doc bson.D
		start, end := document(reply)
		if bson.Unmarshal(reply[start:end], &doc) == nil {
			reply = withDocument(reply, told(name, doc))
		}
	}
	_, err = client.Write(reply)
	return err == nil
}

var errMessage = errors.New("no message of MongoDB")

func readMessage(from io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n < 26 || n > 64<<20 {
		return nil, errMessage
	}
	message := append(size[:], make([]byte, n-4)...)
	_, err := io.ReadFull(from, message[4:])
	return message, err
}

const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013
)

// document finds the first document of a message.
func document(message []byte) (start, end int) {
	switch binary.LittleEndian.Uint32(message[12:]) {
	case opMsg:
		start = 21
	case opReply:
		start = 36
	case opQuery:
		start = 20 + slices.Index(message[20:], 0) + 1 + 8
	}
	return start, start + int(binary.LittleEndian.Uint32(message[start:]))
}

func withDocument(message []byte, doc bson.D) []byte {
	start, end := document(message)
	data, err := bson.Marshal(doc)
	if err != nil {
		return message
	}
	out := slices.Concat(message[:start], data, message[end:])
	binary.LittleEndian.PutUint32(out, uint32(len(out)))
	return out
}

// answer makes the answer to a message.
func answer(to []byte, doc bson.D) []byte {
	data, _ := bson.Marshal(doc)
	out := append(make([]byte, 21), data...)
	binary.LittleEndian.PutUint32(out, uint32(len(out)))
	copy(out[8:12], to[4:8])
	binary.LittleEndian.PutUint32(out[12:], opMsg)
	return out
}

// without leaves fields out.
func without(doc bson.D, names ...string) bson.D {
	return slices.DeleteFunc(slices.Clone(doc), func(e bson.E) bool { return slices.Contains(names, e.Key) })
}
