package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"writegate"
)

func TestStopFinishesUploads(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	streaming := make(chan struct{})
	s := start(t, func(o *Options) {
		o.Apply = func(ctx context.Context, _ writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
			close(began)
			<-finish
			return applied(up), ctx.Err()
		}
		o.Mount = map[string]http.Handler{"/sync/stream": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			close(streaming)
			<-r.Context().Done()
		})}
	})
	stream := make(chan answer, 1)
	go func() { stream <- s.do(t, http.MethodGet, "/sync/stream", http.NoBody) }()
	<-streaming
	upload := make(chan answer, 1)
	go func() { upload <- s.post(t, oneOp) }()
	<-began

	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	<-stream // ends by itself
	// The metrics are served to the end, and show the upload that is still at work.
	a := s.do(t, http.MethodGet, s.metrics+"/metrics", http.NoBody)
	if !strings.Contains(a.body, "writegate_uploads_in_flight 1\n") {
		t.Errorf("metrics while stopping: %s", a.body)
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped with an upload in flight: %v", err)
	default:
	}
	close(finish)
	if a := <-upload; a.status != 200 {
		t.Errorf("upload in flight: %d %s", a.status, a.body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestWhileStopping asks over a connection that was open before: no new one is accepted by then.
func TestWhileStopping(t *testing.T) {
	s := start(t, nil)
	s.Server.stop()
	if a := s.post(t, oneOp); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("upload: %d %s", a.status, a.body)
	}
	if a := s.do(t, http.MethodGet, "/readyz", http.NoBody); a.status != 503 || !strings.Contains(a.body, `"status":"stopping"`) {
		t.Errorf("readyz: %d %s", a.status, a.body)
	}
	if a := s.do(t, http.MethodGet, "/livez", http.NoBody); a.status != 200 {
		t.Errorf("livez: %d %s", a.status, a.body)
	}
}

func TestStopBreaksOffWhatTakesTooLong(t *testing.T) {
	began := make(chan struct{})
	s := start(t, func(o *Options) {
		o.StopTimeout = 800 * time.Millisecond
		o.Apply = func(ctx context.Context, _ writegate.Caller, _ *writegate.Upload) (*writegate.Result, error) {
			close(began)
			<-ctx.Done()
			return nil, writegate.TryLater(ctx.Err())
		}
	})
	upload := make(chan answer, 1)
	go func() { upload <- s.post(t, oneOp) }()
	<-began
	err := s.stop()
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "finish uploads: ") {
		t.Errorf("Run: %v", err)
	}
	if strings.Contains(err.Error(), "broken-off") {
		t.Errorf("the upload ended when it was broken off, but Run says %v", err)
	}
	if a := <-upload; a.status != 503 {
		t.Errorf("upload: %d %s", a.status, a.body)
	}
	s.stop = func() error { return nil } // seen above
}

func TestRunSaysWhatItCannotListenOn(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, o := range []Options{
		{Addr: taken.Addr().String()},
		{Addr: "127.0.0.1:0", MetricsAddr: taken.Addr().String()},
	} {
		o.Auth, o.Apply = tokens{}, applyAll
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "listen on "+taken.Addr().String()) {
			t.Errorf("Run: %v", err)
		}
		if err := s.Run(t.Context()); err == nil {
			t.Error("Run twice")
		}
	}
}

func TestOptionsFaultsComeAllAtOnce(t *testing.T) {
	_, err := New(Options{
		NoAuth: true, Addr: "0.0.0.0:80", MetricsAddr: "0.0.0.0:80", OnRefusal: "perhaps",
		MaxMemory: -1, UploadPaths: []string{"data"}, Mount: map[string]http.Handler{"/a/:b": nil},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"Apply: ", "NoAuth: ", "MetricsAddr: ", "OnRefusal: ", "MaxMemory: ", "UploadPaths: ", "Mount: "} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v\nhas no %s", err, part)
		}
	}
	for _, path := range []string{"/api/auth/token", "/api/auth/token/", "/api/data/checkpoint", "/sync/stream/"} {
		o := Options{Apply: applyAll, Auth: tokens{}, UploadPaths: []string{path}, Mount: map[string]http.Handler{"/sync/stream": nil}}
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), "UploadPaths: ") {
			t.Errorf("uploads to %s, which answers something else: %v", path, err)
		}
	}
	if _, err := New(Options{Apply: applyAll}); err == nil || !strings.Contains(err.Error(), "Auth: required") {
		t.Errorf("without Auth: %v", err)
	}
}
