package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// last is an Apply that keeps what it was given.
type last struct {
	caller writegate.Caller
	up     *writegate.Upload
}

func (l *last) apply(_ context.Context, c writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
	l.caller, l.up = c, up
	return applied(up), nil
}

func TestDeviceComesFromEnvelopeOrHeader(t *testing.T) {
	var got last
	s := start(t, func(o *Options) { o.Apply = got.apply })
	envelope := `{"client_id":"d1","batch":[{"op":"DELETE","table":"lists","id":"l1"}]}`
	long := strings.Repeat("d", 256)
	for name, tt := range map[string]struct {
		body, header, want string
	}{
		"neither":  {oneOp, "", ""},
		"envelope": {envelope, "", "d1"},
		"header":   {oneOp, "d2", "d2"},
		"both":     {envelope, "d1", "d1"},

		"longest":                     {oneOp, long[:255], long[:255]},
		"too long":                    {oneOp, long, ""},
		"not text":                    {oneOp, "\xff", ""},
		"too long in both":            {strings.Replace(envelope, "d1", long, 1), long, ""},
		"too long in the envelope":    {strings.Replace(envelope, "d1", long, 1), "d2", "d2"},
		"too long in the header":      {envelope, long, "d1"},
		"NUL in the envelope":         {strings.Replace(envelope, "d1", `d\u0000`, 1), "", ""},
		"broken in the envelope":      {strings.Replace(envelope, "d1", "\xff", 1), "", ""},
		"half a pair in the envelope": {strings.Replace(envelope, "d1", `\ud800`, 1), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if a := s.post(t, tt.body, "X-Client-Id: "+tt.header); a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if got.up.ClientID != tt.want {
				t.Errorf("client id %q, want %q", got.up.ClientID, tt.want)
			}
			if got.caller.Subject != "u1" {
				t.Errorf("subject %q", got.caller.Subject)
			}
		})
	}
}

func TestOnRefusalIsOfTheVendorsDialectOnly(t *testing.T) {
	for _, how := range []OnRefusal{Stop, Skip} {
		var got last
		s := start(t, func(o *Options) { o.Apply, o.OnRefusal = got.apply, how })
		s.post(t, transactions(1))
		if want := how == Stop; got.up.StopOnRefusal != want {
			t.Errorf("%s, transactions: StopOnRefusal %v", how, got.up.StopOnRefusal)
		}
		s.post(t, oneOp)
		if got.up.StopOnRefusal {
			t.Errorf("%s, batch: stops", how)
		}
	}
}

func TestNoAuth(t *testing.T) {
	var got last
	s := start(t, func(o *Options) { o.Apply, o.Auth, o.NoAuth = got.apply, nil, true })
	for body, want := range map[string]string{
		oneOp: "anonymous",
		`{"user_id":"ann","batch":[{"op":"DELETE","table":"lists","id":"l1"}]}`: "ann",
	} {
		if a := s.post(t, body, "Authorization: "); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if diff := cmp.Diff(writegate.Caller{Subject: want, Claims: map[string]any{"sub": want}}, got.caller); diff != "" {
			t.Error(diff)
		}
	}
}

func TestApplyOutlivesTheClient(t *testing.T) {
	began, watching, gone, finish := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
	result := make(chan error, 1)
	s := start(t, func(o *Options) {
		o.Apply = func(ctx context.Context, _ writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
			close(began)
			<-finish
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond): // the server may see the client hang up late
			}
			result <- ctx.Err()
			return applied(up), nil
		}
		o.Mount = map[string]http.Handler{"/watch": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(watching)
			<-r.Context().Done()
			close(gone)
		})}
	})
	ctx, hangUp := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/data", strings.NewReader(oneOp))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer good")
	watch, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/watch", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	for _, req := range []*http.Request{req, watch} {
		go func() {
			res, err := s.client.Do(req)
			if err == nil {
				err = res.Body.Close()
			}
			ended <- err
		}()
	}
	<-began
	<-watching
	hangUp()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatalf("client got %v", err)
		}
	}
	<-gone // the server has seen one of the two hang up, and so may have seen the other
	close(finish)
	if err := <-result; err != nil {
		t.Errorf("context of Apply: %v", err)
	}
}

func TestUploadTimeout(t *testing.T) {
	s := start(t, func(o *Options) {
		o.UploadTimeout = time.Millisecond
		o.Apply = func(ctx context.Context, _ writegate.Caller, _ *writegate.Upload) (*writegate.Result, error) {
			<-ctx.Done()
			return nil, writegate.TryLater(ctx.Err())
		}
	})
	if a := s.post(t, oneOp); a.status != 503 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestOverload(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	s := start(t, func(o *Options) {
		o.MaxInFlight, o.QueueTimeout = 1, time.Millisecond
		o.Apply = func(_ context.Context, _ writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
			began <- struct{}{}
			<-finish
			return applied(up), nil
		}
	})
	first := make(chan answer, 1)
	go func() { first <- s.post(t, oneOp) }()
	<-began
	if a := s.post(t, oneOp, "Authorization: Bearer wrong"); a.status != 401 {
		t.Errorf("wrong token: %d %s", a.status, a.body)
	}
	a := s.post(t, oneOp)
	if a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("second: %d %s", a.status, a.body)
	}
	a.message(t)
	close(finish)
	if a := <-first; a.status != 200 {
		t.Errorf("first: %d %s", a.status, a.body)
	}
	go func() { <-began }()
	if a := s.post(t, oneOp); a.status != 200 {
		t.Errorf("third: %d %s", a.status, a.body)
	}
}

func TestOneLogLineForEachUpload(t *testing.T) {
	s := start(t, func(o *Options) {
		o.Apply = settle(writegate.Rejected, writegate.Refuse(writegate.CheckViolation, "", "no"))
	})
	s.post(t, `{"client_id":"d1","batch":[{"op":"PUT","table":"lists","id":"l1","data":{"name":"s3cret"}}]}`, "X-Request-Id: r-1")
	s.post(t, oneOp, "Authorization: Bearer t0ken")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	for line := range strings.Lines(s.log.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m["msg"] == "upload" {
			delete(m, "time")
			delete(m, "duration")
			got = append(got, m)
		}
	}
	if len(got) != 2 {
		t.Fatalf("%d lines for 2 uploads:\n%s", len(got), s.log)
	}
	if got[1]["request_id"] == "" {
		t.Error("no request id")
	}
	delete(got[1], "request_id")
	want := []map[string]any{
		{
			"msg": "upload", "level": "INFO", "request_id": "r-1", "status": 200.0, "bytes": 92.0, "subject": "u1", "client_id": "d1",
			"dialect": "batch", "transactions": 1.0, "ops": 1.0, "applied": 0.0, "rejected": 1.0, "replayed": 0.0, "policy": "r1",
		},
		{"msg": "upload", "level": "WARN", "status": 401.0, "bytes": 0.0, "message": "The token's signature does not match its key.", "reason": "token.signature", "circle": "main"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, secret := range []string{"s3cret", "t0ken", "Bearer"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

func TestPanicIsLoggedWithItsStack(t *testing.T) {
	s := start(t, func(o *Options) {
		o.MaxInFlight, o.QueueTimeout = 1, time.Millisecond
		o.Apply = func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error) { panic("boom") }
	})
	for range 2 { // the slot is free again after the first
		if a := s.post(t, oneOp); a.status != 503 || strings.Contains(a.body, "too much") {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if log := s.log.String(); !strings.Contains(log, "boom") || !strings.Contains(log, "TestPanicIsLoggedWithItsStack") {
		t.Errorf("no panic with stack in %s", log)
	}
}

// TestRefusalsAreCounted counts each operation that was refused apart.
func TestRefusalsAreCounted(t *testing.T) {
	unique, missing := writegate.Refuse(writegate.UniqueViolation, "row.taken", "no"), writegate.Refuse(writegate.Conflict, "row.dependent", "no")
	apart := writegate.TxResult{Status: writegate.Rejected, Err: unique, Ops: []writegate.OpResult{
		{Status: writegate.Rejected, Err: unique}, {Status: writegate.Applied}, {Status: writegate.Aborted, Err: missing},
	}}
	whole := writegate.TxResult{Status: writegate.Rejected, Err: unique, Ops: []writegate.OpResult{{Status: writegate.Rejected}}}
	res := &writegate.Result{Transactions: []writegate.TxResult{apart, whole, {Status: writegate.Applied}}}
	got := map[string]int{}
	for _, e := range refusals(res) {
		got[e.Reason]++
	}
	if diff := cmp.Diff(map[string]int{"row.taken": 2, "row.dependent": 1}, got); diff != "" {
		t.Error(diff)
	}
}
