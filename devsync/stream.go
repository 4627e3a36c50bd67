package devsync

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxRequest bounds the body of a request, in bytes.
	maxRequest = 1 << 20
	// pageOps and pageBytes bound one line of data; a line has at least one operation.
	pageOps   = 1000
	pageBytes = 1 << 20
	// writeTimeout is how long a client may take to accept a line.
	writeTimeout = 30 * time.Second
	// noExpiry is what clients are told, in seconds, of a token that does not expire.
	noExpiry = 3600
)

// streamRequest is what a client sends when it connects. What it has of other buckets does not matter.
type streamRequest struct {
	Buckets []struct {
		Name  string `json:"name"`
		After string `json:"after"`
	} `json:"buckets"`
	Streams struct {
		Subscriptions []struct {
			Stream string `json:"stream"`
		} `json:"subscriptions"`
	} `json:"streams"`
}

// position returns up to which operation of a bucket the client has everything.
func (r *streamRequest) position(bucket string) int64 {
	for _, b := range r.Buckets {
		if b.Name == bucket {
			after, err := strconv.ParseInt(b.After, 10, 64)
			if err != nil {
				return 0
			}
			return after
		}
	}
	return 0
}

// stream sends lines until the client goes, its token expires or the server closes.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, c caller) {
	var req streamRequest
	if !readJSON(w, r, &req) {
		return
	}
	s.join()
	defer s.leave()

	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	out := newLines(w)
	defer out.end()
	f := feed{out: out, req: &req}

	keepalive := time.NewTicker(s.o.Keepalive)
	defer keepalive.Stop()
	var expired <-chan time.Time
	if !c.expires.IsZero() {
		t := time.NewTimer(time.Until(c.expires))
		defer t.Stop()
		expired = t.C
	}
	// A first line at once: clients count as connected, and begin to upload, when they have one.
	out.send(c.expiry())
	for out.err == nil {
		b, changed := s.current()
		if b != nil {
			f.catchUp(b)
		}
		select {
		case <-changed:
		case <-keepalive.C:
			out.send(c.expiry())
		case <-expired:
			out.send(tokenExpiry{})
			return
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// feed brings one client up to date, again and again.
type feed struct {
	out *lines
	req *streamRequest
	at  *bucket // what the client has got
	pos int64   // the last operation of that bucket which the client has got
}

// catchUp sends what the client lacks of a bucket. It sends nothing when the client has got it already.
func (f *feed) catchUp(b *bucket) {
	if f.at == b {
		return
	}
	if f.at == nil || f.at.name != b.name {
		f.pos = f.req.position(b.name)
	}
	f.at = b
	f.out.send(checkpointLine(b, f.req))
	for rest := b.after(f.pos); len(rest) > 0 && f.out.err == nil; {
		n := page(rest)
		next := rest[n-1].id
		f.out.send(dataLine(b.name, f.pos, next, rest[:n], n < len(rest)))
		f.pos, rest = next, rest[n:]
	}
	f.out.send(completeLine(b))
}

// page returns how many of the operations go into one line.
func page(ops []*op) int {
	size := 0
	for i, o := range ops {
		size += len(o.data)
		if i == pageOps || i > 0 && size > pageBytes {
			return i
		}
	}
	return len(ops)
}

// lines writes JSON values, one a line, each at once. After an error it writes nothing more.
type lines struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	err error
}

func newLines(w http.ResponseWriter) *lines {
	return &lines{w: w, rc: http.NewResponseController(w)}
}

// end leaves the connection without a deadline of ours, since it may be used again.
func (l *lines) end() { _ = l.rc.SetWriteDeadline(time.Time{}) }

func (l *lines) send(v any) {
	if l.err != nil {
		return
	}
	// The server's own deadline is meant for short answers. A writer in memory has none at all.
	_ = l.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	if l.err = json.NewEncoder(l.w).Encode(v); l.err == nil {
		l.err = l.rc.Flush()
	}
}
