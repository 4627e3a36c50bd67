package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestGarbage has devices write at a steady pace, by turns alone and beside one that misbehaves, in each of several ways.
// It prints what that does to the slowest of their uploads, and demands only that each of them gets through. With
// WRITEGATE_VERIFY=1 there are 2,000 uploads of either kind, and beside may not be more than mostBeside times as slow.
func TestGarbage(t *testing.T) {
	const mostBeside = 4 // twice what is expected, since other processes have their share in it
	rounds := 1
	verify := os.Getenv("WRITEGATE_VERIFY") == "1"
	if verify {
		rounds = 5
	}
	db := troubledPostgres(t)
	g := startGateway(t, build(t), db.driver, db.dsn, "")
	defer g.stop()
	var good []*sender
	for i := range 8 {
		good = append(good, g.sender(fmt.Sprintf("user-%d", i), fmt.Sprintf("good-%d", i)))
	}
	bad := g.sender("mallory", "bad")
	pace(t, good) // connections are made, statements prepared
	for _, garbage := range []struct {
		name string
		at   time.Duration // between two, of each of four
		send func(context.Context) error
	}{
		{"10,000 uploads a minute", 24 * time.Millisecond, bad.flood()},
		{"10,000 bodies of garbage a minute", 24 * time.Millisecond, bad.raw(func() io.Reader { return strings.NewReader(`{"batch":[{"op":"PUT","type":`) })},
		{"64 MiB of nesting", 0, bad.raw(func() io.Reader { return bytes.NewReader(bytes.Repeat([]byte("["), 64<<20-1)) })},
		{"64 MiB of tiny operations", 0, bad.raw(func() io.Reader { return tiny(6_000_000) })},
		{"as many operations as are let in", 0, bad.raw(func() io.Reader { return tiny(445_000) })},
		{"one byte a second", 0, bad.dribble},
	} {
		t.Run(garbage.name, func(t *testing.T) {
			var alone, beside []time.Duration
			for range rounds {
				for g.metric("writegate_uploads_in_flight") > 0 || g.metric("writegate_uploads_waiting") > 0 {
					time.Sleep(10 * time.Millisecond) // until the one before is over
				}
				alone = append(alone, pace(t, good)...)
				ctx, cancel := context.WithCancel(t.Context())
				var clients errgroup.Group
				for range 4 {
					clients.Go(func() error { return repeat(ctx, garbage.at, garbage.send) })
				}
				time.Sleep(time.Second)
				beside = append(beside, pace(t, good)...)
				cancel()
				if err := clients.Wait(); err != nil {
					t.Error(err)
				}
			}
			slices.Sort(alone)
			slices.Sort(beside)
			t.Logf("%d uploads each: p50 %v alone, %v beside: x %.2f; p99 %v alone, %v beside: x %.2f; memory %.0f MB", len(alone),
				share(alone, .5), share(beside, .5), ratio(beside, alone, .5), share(alone, .99), share(beside, .99), ratio(beside, alone, .99),
				g.metric("process_resident_memory_bytes")/1e6)
			if slower := ratio(beside, alone, .99); verify && slower > mostBeside {
				t.Errorf("the slowest hundredth took %.2f times as long", slower)
			}
		})
	}
}

// tiny is an upload of that many operations that can't be read, at eleven bytes each.
func tiny(n int) io.Reader {
	return strings.NewReader(`{"batch":[` + strings.Repeat(`{"id":"1"},`, n) + `{"id":"1"}]}`)
}

// pace has each device write fifty times, every 20 ms, and returns how long each upload took until it was acknowledged.
func pace(t *testing.T, all []*sender) []time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	var took []time.Duration
	var group errgroup.Group
	for i, d := range all {
		group.Go(func() error {
			next := time.NewTicker(20 * time.Millisecond)
			defer next.Stop()
			for range 50 {
				<-next.C
				begun := time.Now()
				if _, err := d.until(ctx, http.StatusOK, d.put("registers", fmt.Sprintf("%s-%d", d.id, d.op%10), fmt.Sprintf("user-%d", i))); err != nil {
					return fmt.Errorf("%s: %w", d.id, err)
				}
				mu.Lock()
				took = append(took, time.Since(begun))
				mu.Unlock()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return took
}

func share(sorted []time.Duration, part float64) time.Duration {
	return sorted[int(part*float64(len(sorted)-1))].Round(10 * time.Microsecond)
}

func ratio(a, b []time.Duration, part float64) float64 {
	return float64(share(a, part)) / float64(share(b, part))
}

// repeat sends one after the other until ctx ends.
func repeat(ctx context.Context, pause time.Duration, send func(context.Context) error) error {
	for ctx.Err() == nil {
		begun := time.Now()
		if err := send(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause - time.Since(begun)):
		}
	}
	return nil
}

// flood sends uploads that are right but for their number.
func (s *sender) flood() func(context.Context) error {
	var mu sync.Mutex
	return func(ctx context.Context) error {
		mu.Lock()
		body := s.put("registers", "flood", "mallory")
		mu.Unlock()
		_, err := s.send(ctx, body)
		return err
	}
}

// raw sends bodies of any kind. That the server hangs up on one is fine.
func (s *sender) raw(body func() io.Reader) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/data", body())
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+s.token)
		res, err := s.client.Do(req)
		if err != nil {
			return nil
		}
		_, err = io.Copy(io.Discard, res.Body)
		return errors.Join(err, res.Body.Close())
	}
}

// dribble has fifty uploads on the way, a byte a second each, until ctx ends or the server hangs up.
func (s *sender) dribble(ctx context.Context) error {
	var group errgroup.Group
	for range 50 {
		group.Go(func() error {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			_, err = fmt.Fprintf(conn, "POST /api/data HTTP/1.1\r\nHost: x\r\nContent-Length: 67108864\r\nAuthorization: Bearer %s\r\n\r\n", s.token)
			for err == nil {
				_, err = conn.Write([]byte("["))
				time.Sleep(time.Second)
			}
			return nil
		})
	}
	return group.Wait()
}
