package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"writegate"
)

func TestReadiness(t *testing.T) {
	var away atomic.Bool
	var waiting atomic.Int32
	broken := &writegate.Error{Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: "The table lists is missing.", Cause: errors.New("no relation")}
	s := start(t, func(o *Options) {
		o.Ready = func(context.Context) error {
			if away.Load() {
				return writegate.TryLater(errors.New("dial 10.0.0.7"))
			}
			return nil
		}
		o.Apply = settle(writegate.Held, broken)
		o.Blocked = func() (int, time.Time) { return int(waiting.Load()), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }
	})
	away.Store(true)
	a := s.do(t, http.MethodGet, "/readyz", http.NoBody)
	if a.status != 503 || !strings.Contains(a.body, `"status":"not ready","message":"The database is not available`) || strings.Contains(a.body, "10.0.0.7") {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.post(t, oneOp)
	s.post(t, oneOp)
	if !strings.Contains(s.log.String(), "10.0.0.7") || !strings.Contains(s.log.String(), "no relation") {
		t.Errorf("the causes are not in the log: %s", s.log)
	}
	if a = s.do(t, http.MethodGet, "/readyz", http.NoBody); strings.Contains(a.body, "blocked") {
		t.Errorf("%s", a.body)
	}
	waiting.Store(2)
	if a = s.do(t, http.MethodGet, "/readyz", http.NoBody); !strings.Contains(a.body, `"blocked_devices":{"count":2,"oldest":"2026-11-22T09:00:00Z"}`) {
		t.Errorf("%s", a.body)
	}
}

func TestMetrics(t *testing.T) {
	refused := writegate.Refuse(writegate.UniqueViolation, "row.taken", "lists.name: taken")
	s := start(t, func(o *Options) {
		first := settle(writegate.Rejected, refused)
		o.Apply = func(ctx context.Context, c writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
			switch up.ClientID {
			case "held":
				return settle(writegate.Held, writegate.TryLater(nil))(ctx, c, up)
			case "unknown":
				return nil, errors.New("x")
			}
			res, err := first(ctx, c, up)
			res.Replayed, res.Reused, res.Unidentified = 1, 2, 3
			return res, err
		}
	})
	s.post(t, transactions(2))
	s.post(t, oneOp, "X-Client-Id: held")
	s.post(t, oneOp, "X-Client-Id: unknown")
	s.post(t, `{`)
	s.post(t, oneOp, "Authorization: Bearer expired")
	s.post(t, oneOp, "Authorization: ")
	s.post(t, oneOp, "Authorization: Bearer keys-away")
	a := s.do(t, http.MethodGet, s.metrics+"/metrics", http.NoBody)
	for _, line := range []string{
		`writegate_uploads_total{dialect="transactions",status="200"} 1`,
		`writegate_uploads_total{dialect="batch",status="503"} 2`,
		`writegate_uploads_total{dialect="none",status="400"} 1`,
		`writegate_uploads_total{dialect="none",status="401"} 2`,
		`writegate_uploads_total{dialect="none",status="503"} 1`,
		`writegate_ops_total{status="rejected"} 1`,
		`writegate_ops_total{status="not_attempted"} 1`,
		`writegate_ops_total{status="held"} 1`,
		`writegate_rejections_total{code="UNIQUE_VIOLATION",reason="row.taken"} 1`,
		`writegate_uploads_held_total{class="retry"} 1`,
		`writegate_uploads_held_total{class="operator"} 1`,
		`writegate_ops_replayed_total 1`,
		`writegate_ops_reused_identity_total 2`,
		`writegate_ops_without_identity_total 3`,
		`writegate_auth_failures_total{reason="token.expired"} 1`,
		`writegate_auth_failures_total{reason="token.missing"} 1`,
		`writegate_auth_failures_total{reason="token.keys_unavailable"} 1`,
		`writegate_uploads_in_flight 0`,
		`writegate_upload_seconds_count 7`,
		`writegate_upload_body_bytes_count 3`,
	} {
		if !strings.Contains(a.body, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if t.Failed() {
		t.Log(a.body)
	}
}

func TestMetricsOnTheMainListener(t *testing.T) {
	s := start(t, func(o *Options) { o.MetricsAddr, o.MetricsShared = o.Addr, true })
	if s.metrics != "" {
		t.Errorf("a listener of their own: %s", s.metrics)
	}
	if a := s.do(t, http.MethodGet, "/metrics", http.NoBody); a.status != 200 || !strings.Contains(a.body, "writegate_uploads_in_flight") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
