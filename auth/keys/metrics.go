package keys

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	keysByState = prometheus.NewDesc("writegate_signing_keys",
		"Keys of our own that are in force, by state, as this replica knows them.", []string{"state"}, nil)
	keysRead = prometheus.NewDesc("writegate_signing_keys_read_timestamp_seconds",
		"When this replica last read the store of the keys.", nil, nil)
	keysRotate = prometheus.NewDesc("writegate_signing_keys_rotate_timestamp_seconds",
		"When the next key is to sign, by what is planned or else by rotate_every; none where neither says.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (s *Set) Describe(ch chan<- *prometheus.Desc) {
	ch <- keysByState
	ch <- keysRead
	ch <- keysRotate
}

// Collect implements [prometheus.Collector]. It waits for no store.
func (s *Set) Collect(ch chan<- prometheus.Metric) {
	now := s.now()
	s.mu.Lock()
	p, read := s.plan, s.read
	s.mu.Unlock()
	states := map[State]int{Published: 0, Signing: 0, Retired: 0}
	signer := p.signer(now)
	for i := range p {
		switch state := p[i].State(now); {
		case &p[i] == signer:
			states[Signing]++
		case state != Removed:
			states[state]++
		}
	}
	for state, n := range states {
		ch <- prometheus.MustNewConstMetric(keysByState, prometheus.GaugeValue, float64(n), string(state))
	}
	ch <- seconds(keysRead, read)
	if turns := p.turns(s.options.times(), now); !turns.IsZero() {
		ch <- seconds(keysRotate, turns)
	}
}

func seconds(d *prometheus.Desc, t time.Time) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(t.UnixMilli())/1000)
}
