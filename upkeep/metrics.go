package upkeep

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"writegate"
)

func newPruned() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "writegate", Name: "pruned_rows_total", Help: "Rows of our own tables that were removed for their age, by kind.",
	}, []string{"kind"})
}

// Describe implements [prometheus.Collector].
func (p *Pruner) Describe(ch chan<- *prometheus.Desc) { p.pruned.Describe(ch) }

// Collect implements [prometheus.Collector].
func (p *Pruner) Collect(ch chan<- prometheus.Metric) { p.pruned.Collect(ch) }

// count counts what is gone, and returns how much it is.
func (p *Pruner) count(gone writegate.Pruned) int {
	total := 0
	for kind, n := range map[string]int{
		"run": gone.Runs, "refusal": gone.Refusals, "link": gone.Links, "client": gone.Clients, "letter": gone.Letters, "blocked": gone.Blocked,
	} {
		p.pruned.WithLabelValues(kind).Add(float64(n))
		total += n
	}
	return total
}

var (
	blockedDevices = prometheus.NewDesc("writegate_blocked_devices",
		"Devices that are held back, as far as this replica knows, by code of the error. Replicas know of the same: take the greatest.", []string{"code"}, nil)
	blockedOldest = prometheus.NewDesc("writegate_blocked_oldest_seconds",
		"How long the device has been held back that waits longest, 0 when none is.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (b *Book) Describe(ch chan<- *prometheus.Desc) {
	ch <- blockedDevices
	ch <- blockedOldest
}

// Collect implements [prometheus.Collector].
func (b *Book) Collect(ch chan<- prometheus.Metric) {
	codes := map[writegate.Code]int{}
	var age time.Duration
	now := b.opt.Now()
	b.mu.Lock()
	for _, e := range b.held {
		if e.blocked {
			codes[e.Code]++
			age = max(age, now.Sub(e.Since))
		}
	}
	b.mu.Unlock()
	for code, n := range codes {
		ch <- prometheus.MustNewConstMetric(blockedDevices, prometheus.GaugeValue, float64(n), string(code))
	}
	ch <- prometheus.MustNewConstMetric(blockedOldest, prometheus.GaugeValue, age.Seconds())
}

// Waiting says how many devices are held back, and since when the one that waits longest.
func (b *Book) Waiting() (devices int, oldest time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.held {
		if !e.blocked {
			continue
		}
		if devices++; oldest.IsZero() || e.Since.Before(oldest) {
			oldest = e.Since
		}
	}
	return devices, oldest
}
