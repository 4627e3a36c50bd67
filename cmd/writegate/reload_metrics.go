package main

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// policyMetrics tell which rules are in force, and since when.
type policyMetrics struct {
	info    *prometheus.GaugeVec
	since   prometheus.Gauge
	reloads *prometheus.CounterVec
}

func newPolicyMetrics() *policyMetrics {
	return &policyMetrics{
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "writegate", Name: "policy_info", Help: "Always 1, with the revision of the policy in force.",
		}, []string{"revision"}),
		since: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "writegate", Name: "policy_loaded_timestamp_seconds", Help: "When the policy in force was loaded.",
		}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "writegate", Name: "policy_reloads_total", Help: "Attempts to load the policy again, by outcome. One that failed leaves the policy before in force.",
		}, []string{"outcome"}),
	}
}

func (m *policyMetrics) register(r *prometheus.Registry) error {
	return errors.Join(r.Register(m.info), r.Register(m.since), r.Register(m.reloads))
}

// loaded says which revision is in force from now on.
func (m *policyMetrics) loaded(revision string) {
	m.info.Reset()
	m.info.WithLabelValues(revision).Set(1)
	m.since.SetToCurrentTime()
}

func (m *policyMetrics) reloaded(err error, revision string) {
	if err != nil {
		m.reloads.WithLabelValues("failed").Inc()
		return
	}
	m.reloads.WithLabelValues("ok").Inc()
	m.loaded(revision)
}
