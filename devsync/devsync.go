// Package devsync is a development sync service: enough of PowerSync's public sync protocol that a real app
// on a real client SDK runs against one writegate process. The client SDKs upload only while their sync
// stream is connected, so without one an app cannot even be tried.
//
// Every client gets one bucket with every row of every table. There are no sync rules, so nobody is kept
// from reading anything, and all rows are held in memory: it is for development only.
//
//	Source ──snapshot──▶ bucket (the latest operation of each row) ──ndjson──▶ clients
//	           ▲ nudged by every commit, polled for foreign changes, only while somebody is connected
package devsync

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Source is a database that can be read as a whole.
type Source interface {
	// Snapshot yields every row of the tables, all as of one instant after the call. Data is a JSON object
	// with the row's columns as a client stores them; it may be reused after yield returns. An error of
	// yield ends the snapshot and is returned.
	Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error
}

// Options configure a [Server]. Source, Tables and Authenticate are required.
type Options struct {
	Source Source
	// Tables names the tables to sync. It is asked before every snapshot, so tables may come and go.
	Tables func() []string
	// Authenticate checks a token. A zero expiry means that the token does not expire. A
	// [*writegate.Error] that is not Unauthorized is answered with 503, everything else with 401.
	Authenticate func(ctx context.Context, token string) (subject string, expires time.Time, err error)
	// Poll is the pause between looks for changes that came from elsewhere; 0 means one second.
	Poll time.Duration
	// Keepalive is the pause between keepalive lines; 0 means 20 seconds, which is what clients expect.
	Keepalive time.Duration
	// Log is where failing snapshots are reported; nil discards.
	Log *slog.Logger
}

// Server serves the sync protocol. Its methods may be called concurrently.
type Server struct {
	o     Options
	wake  chan struct{} // holds one token when a snapshot is due
	ctx   context.Context
	stop  context.CancelFunc
	ended chan struct{} // closed when the snapshot loop has ended

	mu        sync.Mutex
	streams   int
	clock     int64         // the last number handed out, see tick
	requested int64         // the last write checkpoint handed out
	bucket    *bucket       // what clients see, nil before the first snapshot
	changed   chan struct{} // closed and replaced whenever bucket is
}

// New starts a server. Nothing is read before the first client connects.
func New(o Options) *Server {
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	if o.Keepalive <= 0 {
		o.Keepalive = 20 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		o: o, ctx: ctx, stop: stop,
		wake:    make(chan struct{}, 1),
		ended:   make(chan struct{}),
		changed: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		s.follow()
	}()
	return s
}

// Handlers returns the handlers by the path where clients expect them. CORS is left to whoever mounts them.
func (s *Server) Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		"/sync/stream":             s.authenticated(http.MethodPost, s.stream),
		"/sync/checkpoint-request": s.authenticated(http.MethodPost, s.checkpointRequest),
		"/write-checkpoint2.json":  s.authenticated(http.MethodGet, s.writeCheckpoint),
	}
}

// Nudge says that rows may have changed. It returns at once; a snapshot follows soon if anybody is
// connected, and many nudges in a row cause few snapshots.
func (s *Server) Nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close ends all streams and the reading of the source, and waits for the latter. Call it before an HTTP
// server's graceful shutdown, which waits for streams.
func (s *Server) Close() {
	s.stop()
	<-s.ended
}

// tick returns a number greater than any before, in this process or an earlier one: the microseconds since
// 1970, or one more than the last. Snapshots and write checkpoints are numbered by the same clock, so a
// snapshot has everything that was asked for under a smaller number, and a client that waits for a
// checkpoint of an earlier process is answered too. The caller holds mu.
func (s *Server) tick() int64 {
	s.clock = max(s.clock+1, time.Now().UnixMicro())
	return s.clock
}

// current returns what clients see, nil before the first snapshot, and a channel that is closed when it changes.
func (s *Server) current() (*bucket, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bucket, s.changed
}

// join counts a stream in, and leave counts it out.
func (s *Server) join() {
	s.mu.Lock()
	s.streams++
	s.mu.Unlock()
	s.Nudge()
}

func (s *Server) leave() {
	s.mu.Lock()
	s.streams--
	s.mu.Unlock()
}

// idle reports whether nobody is connected.
func (s *Server) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams == 0
}
