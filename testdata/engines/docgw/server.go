package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// setName is the replica set that docgw says to be the only member of.
const setName = "rs0"

type server struct {
	pool *pgxpool.Pool
	addr string
	// engine is the product and version that buildInfo tells of, as documentdb's own gateway does.
	engine string

	connections atomic.Int32
	lifetime    atomic.Int64 // of a transaction begun from now on
	mu          sync.Mutex
	// transactions are the last ones of each session, by its id.
	transactions map[string]*transaction
	cursors      map[int64]*cursor
	failing      *failPoint
}

func newServer(pool *pgxpool.Pool, addr, engine string) *server {
	s := &server{pool: pool, addr: addr, engine: engine, transactions: map[string]*transaction{}, cursors: map[int64]*cursor{}}
	s.lifetime.Store(int64(lifetime))
	return s
}

// serve answers one client until it goes or sends what can't be read.
func (s *server) serve(ctx context.Context, log *slog.Logger, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	id := s.connections.Add(1)
	for {
		m, err := readMessage(conn)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) {
				log.InfoContext(ctx, "a client is dropped", "error", err)
			}
			return
		}
		answer, err := s.answer(ctx, m, id)
		if err != nil {
			log.InfoContext(ctx, "a client is dropped", "error", err)
			return
		}
		if m.noReply {
			continue
		}
		if _, err := conn.Write(m.reply(answer)); err != nil {
			return
		}
	}
}

// errFailPoint cuts a connection that a fail point wants cut.
var errFailPoint = errors.New("fail point")

// answer runs a command. An error means that the connection is to be cut without an answer.
func (s *server) answer(ctx context.Context, m *message, id int32) ([]byte, error) {
	first, err := m.command.IndexErr(0)
	if err != nil {
		return nil, errMalformed
	}
	name := first.Key()
	if ms, ok := m.command.Lookup("maxTimeMS").AsInt64OK(); ok && ms > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
		defer cancel()
	}
	if f := s.fails(name); f != nil {
		switch {
		case f.closeAfter:
			_, _ = s.run(ctx, name, m, id)
			return nil, errFailPoint
		case f.close:
			return nil, errFailPoint
		}
		return newError(f.code, "Failing command via 'failCommand' failpoint", f.labels...).document(), nil
	}
	document, err := s.run(ctx, name, m, id)
	if err == nil {
		return document, nil
	}
	if e := asCommandError(err); e != nil {
		return e.document(), nil
	}
	return nil, err
}

// run does what docgw itself answers, finds the transaction, and leaves the rest to documentdb.
func (s *server) run(ctx context.Context, name string, m *message, id int32) ([]byte, error) {
	switch name {
	case "hello", "isMaster", "ismaster":
		return s.hello(id), nil
	case "ping", "killCursors":
		return okay(), nil
	case "buildInfo", "buildinfo":
		return okay(
			bson.E{Key: "version", Value: "7.0.0"}, bson.E{Key: "versionArray", Value: bson.A{7, 0, 0, 0}},
			bson.E{Key: "gatewayNote", Value: s.engine + " (not mongod)"},
			bson.E{Key: "internal", Value: bson.D{{Key: "documentdb_versions", Value: bson.A{strings.TrimPrefix(s.engine, "documentdb ")}}}},
		), nil
	case "configureFailPoint":
		return s.configureFailPoint(m.command)
	case "setParameter":
		return s.setParameter(m.command)
	case "endSessions", "killSessions":
		s.endSessions(m.command.Lookup(name))
		return okay(), nil
	}
	_, session, _ := m.command.Lookup("lsid", "id").BinaryOK()
	number, _ := m.command.Lookup("txnNumber").AsInt64OK()
	switch name {
	case "commitTransaction":
		return s.commit(string(session), number)
	case "abortTransaction":
		return s.abort(string(session), number)
	}
	if autocommit, ok := m.command.Lookup("autocommit").BooleanOK(); !ok || autocommit {
		return s.execute(ctx, nil, name, m)
	}
	start, _ := m.command.Lookup("startTransaction").BooleanOK()
	t, err := s.transaction(ctx, string(session), number, start)
	if err != nil {
		return nil, err
	}
	return t.run(func() ([]byte, error) { return s.execute(ctx, t, name, m) })
}

func (s *server) hello(id int32) []byte {
	return okay(
		bson.E{Key: "helloOk", Value: true}, bson.E{Key: "ismaster", Value: true}, bson.E{Key: "isWritablePrimary", Value: true},
		bson.E{Key: "secondary", Value: false}, bson.E{Key: "readOnly", Value: false},
		bson.E{Key: "setName", Value: setName}, bson.E{Key: "setVersion", Value: 1},
		bson.E{Key: "hosts", Value: bson.A{s.addr}}, bson.E{Key: "primary", Value: s.addr}, bson.E{Key: "me", Value: s.addr},
		bson.E{Key: "maxBsonObjectSize", Value: 16 << 20}, bson.E{Key: "maxMessageSizeBytes", Value: maxMessageSize},
		bson.E{Key: "maxWriteBatchSize", Value: 100_000}, bson.E{Key: "logicalSessionTimeoutMinutes", Value: 30},
		bson.E{Key: "minWireVersion", Value: 0}, bson.E{Key: "maxWireVersion", Value: 21},
		bson.E{Key: "localTime", Value: time.Now()}, bson.E{Key: "connectionId", Value: id},
	)
}

// okay is a document that says yes.
// setParameter knows one parameter.
func (s *server) setParameter(command bson.Raw) ([]byte, error) {
	seconds, ok := command.Lookup("transactionLifetimeLimitSeconds").AsInt64OK()
	if !ok || seconds < 1 {
		return nil, newError(codeTypeMismatch, "docgw can set transactionLifetimeLimitSeconds, to 1 or more")
	}
	s.lifetime.Store(seconds * int64(time.Second))
	return okay(), nil
}

func okay(d ...bson.E) []byte { return encode(append(bson.D(d), bson.E{Key: "ok", Value: 1.0})) }

// encode is for documents made here, which can always be encoded.
func encode(d bson.D) []byte {
	b, err := bson.Marshal(d)
	if err != nil {
		panic(err)
	}
	return b
}
