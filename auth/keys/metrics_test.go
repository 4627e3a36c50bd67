package keys

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrape returns what the set tells Prometheus, without comments.
func scrape(t *testing.T, s *Set) string {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(s); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimPrefix(line, "writegate_signing_keys"))
		}
	}
	return strings.Join(lines, "")
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shaky{}
		s := open(t, Options{Store: store, RotateEvery: 30 * 24 * time.Hour})
		begun := time.Now()
		check := func(when string, published, signing, retired int, read, rotate time.Time) {
			t.Helper()
			want := fmt.Sprintf("{state=\"published\"} %d\n{state=\"retired\"} %d\n{state=\"signing\"} %d\n", published, retired, signing)
			want += fmt.Sprintf("_read_timestamp_seconds %v\n", float64(read.Unix()))
			if !rotate.IsZero() {
				want += fmt.Sprintf("_rotate_timestamp_seconds %v\n", float64(rotate.Unix()))
			}
			if diff := cmp.Diff(want, scrape(t, s)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		check("the first key", 0, 1, 0, begun, begun.Add(30*24*time.Hour))
		time.Sleep(time.Hour)
		rotated := time.Now()
		must(s.Rotate(t.Context(), ""))
		check("the second is published", 1, 1, 0, rotated, rotated.Add(10*time.Minute))
		store.away.Store(true)
		time.Sleep(time.Hour)
		_ = s.Advance(t.Context())
		check("it signs, and nobody reads the store", 0, 1, 1, rotated, rotated.Add(10*time.Minute+30*24*time.Hour))
		time.Sleep(40 * 24 * time.Hour)
		check("it is overdue", 0, 1, 0, rotated, rotated.Add(10*time.Minute+30*24*time.Hour))
		store.away.Store(false)
		must(0, s.Advance(t.Context()))
		check("the third is published", 1, 1, 0, time.Now(), time.Now().Add(10*time.Minute))

		byHand := open(t, Options{Store: &inMemory{}, Now: skewed(-time.Hour)})
		if got := scrape(t, byHand); strings.Contains(got, "rotate") {
			t.Errorf("rotated by hand:\n%s", got)
		}
		if got := scrape(t, open(t, Options{Store: byHand.store, Now: skewed(-2 * time.Hour)})); !strings.Contains(got, `{state="signing"} 1`) {
			t.Errorf("by a clock that is behind:\n%s", got)
		}
	})
}
