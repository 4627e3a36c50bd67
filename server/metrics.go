package server

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"writegate"
)

// metrics are the server's. No label has a value that a client can choose: dialects, statuses and classes are
// ours, and codes and reasons are ours or the policy's.
type metrics struct {
	registry     *prometheus.Registry
	uploads      *prometheus.CounterVec
	ops          *prometheus.CounterVec
	rejections   *prometheus.CounterVec
	held         *prometheus.CounterVec
	authFailures *prometheus.CounterVec
	turnedAway   *prometheus.CounterVec
	tokens       *prometheus.CounterVec
	replayed     prometheus.Counter
	reused       prometheus.Counter
	unidentified prometheus.Counter
	seconds      prometheus.Histogram
	bytes        prometheus.Histogram
}

func newMetrics(registry *prometheus.Registry, a *admission) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "writegate", Name: name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "writegate", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "writegate", Name: name, Help: help, Buckets: buckets})
	}
	m := &metrics{
		registry:     registry,
		uploads:      counters("uploads_total", "Uploads answered, by dialect and HTTP status.", "dialect", "status"),
		ops:          counters("ops_total", "Operations answered, by what became of them.", "status"),
		rejections:   counters("rejections_total", "Refusals of transactions, or of operations that stand apart, by code on the wire and the policy's reason.", "code", "reason"),
		held:         counters("uploads_held_total", "Uploads that have to be sent again, whole or from some transaction on, by class of the error.", "class"),
		authFailures: counters("auth_failures_total", "Requests without a good token, by reason.", "reason"),
		tokens:       counters("tokens_total", "Tokens that were asked for, by whether a user or an anonymous device asked, and what became of it.", "kind", "result"),
		turnedAway:   counters("requests_turned_away_total", "Requests that were not let in: the queue was full, they waited for too long, their client hung up, or the server is stopping.", "reason"),
		replayed:     counter("ops_replayed_total", "Operations that the ledger answered, because they were settled before."),
		reused:       counter("ops_reused_identity_total", "Operations that came under ids which the ledger knows with another content."),
		unidentified: counter("ops_without_identity_total", "Operations whose connector sends no identity, so that only natural idempotence holds."),
		seconds: histogram("upload_seconds", "Time from the header of an upload to its answer.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}),
		bytes: histogram("upload_body_bytes", "Size of upload bodies after decompression.", prometheus.ExponentialBuckets(256, 4, 10)),
	}
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "writegate", Name: "uploads_in_flight", Help: "Uploads at work right now.",
	}, func() float64 { return float64(a.working()) })
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "writegate", Name: "uploads_waiting", Help: "Uploads that wait for room or for their turn right now.",
	}, func() float64 { return float64(a.waiting()) })
	var errs []error
	for _, c := range []prometheus.Collector{
		m.uploads, m.ops, m.rejections, m.held, m.authFailures,
		m.replayed, m.reused, m.unidentified, inFlight, waiting, m.turnedAway, m.tokens, m.seconds, m.bytes,
	} {
		errs = append(errs, registry.Register(c))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// observe counts one upload.
func (m *metrics) observe(v *visit) {
	dialect := "none"
	if v.req != nil {
		dialect = string(v.req.Dialect)
		m.bytes.Observe(float64(v.bytes))
	}
	m.uploads.WithLabelValues(dialect, strconv.Itoa(v.status())).Inc()
	m.seconds.Observe(time.Since(v.began).Seconds())
	if e := v.held(); e != nil {
		m.held.WithLabelValues(e.Class.String()).Inc()
	}
	if v.res == nil {
		return
	}
	for status, n := range count(v.res) {
		m.ops.WithLabelValues(string(status)).Add(float64(n))
	}
	for _, e := range refusals(v.res) {
		m.rejections.WithLabelValues(string(e.Code), e.Reason).Inc()
	}
	m.replayed.Add(float64(v.res.Replayed))
	m.reused.Add(float64(v.res.Reused))
	m.unidentified.Add(float64(v.res.Unidentified))
}

// refusals are why transactions were refused, or the operations in them that stand apart.
func refusals(res *writegate.Result) []*writegate.Error {
	var errs []*writegate.Error
	for i := range res.Transactions {
		tx := &res.Transactions[i]
		if tx.Status != writegate.Rejected {
			continue
		}
		before := len(errs)
		for _, op := range tx.Ops {
			if op.Err != nil {
				errs = append(errs, op.Err)
			}
		}
		if len(errs) == before && tx.Err != nil {
			errs = append(errs, tx.Err)
		}
	}
	return errs
}
