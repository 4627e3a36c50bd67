package breaker

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"writegate/internal/daemontest"
	"writegate/internal/privateserver"
)

const (
	herdDevices = 2000
	herdQueue   = 200 // transactions of each
	herdHead    = 50  // of them in one upload
)

// TestHerd has 2,000 devices of as many users, each with 200 queued transactions, come back at once after an outage of the
// database. It reports how much memory the daemons took, whether anybody starved, how often the pools had no connection,
// and the throughput beside that of a few devices without an outage. It takes minutes, so only WRITEGATE_VERIFY=1 runs it; WRITEGATE_HERD has
// another number of devices.
func TestHerd(t *testing.T) {
	if os.Getenv("WRITEGATE_VERIFY") != "1" {
		t.Skip("WRITEGATE_VERIFY is not 1")
	}
	devices := herdDevices
	if n, err := strconv.Atoi(os.Getenv("WRITEGATE_HERD")); err == nil {
		devices = n
	}
	const few, more = 16, 10 // times as many transactions each, so that it takes long enough
	server := privateserver.Start(t, "postgres")
	db, err := Postgres(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r := &run{
		Options: Options{Time: time.Hour, Dir: t.TempDir(), Binary: daemontest.Build(t), Database: db, Devices: devices},
		counts:  newCounts(), faults: &violations{}, secret: []byte("secret-secret-secret-secret-secret"), world: newWorld(devices + few),
	}
	if err := db.Prepare(t.Context(), &world{}); err != nil {
		t.Fatal(err)
	}
	var urls []string
	for i := range replicas {
		it, err := r.newReplica(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		p, err := it.daemon.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		it.process.Store(p)
		r.replicas = append(r.replicas, it)
		urls = append(urls, "http://"+it.daemon.Addr+"/api/data")
	}

	alone := few * more * herdQueue / r.herd(t, urls, devices, few, more*herdQueue).finish(t).Seconds()

	many := r.herd(t, urls, 0, devices, herdQueue)
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var up atomic.Int64
	time.AfterFunc(5*time.Second, func() {
		if err := server.Up(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		up.Store(time.Now().UnixNano())
	})
	together := many.finish(t)
	begun := time.Unix(0, up.Load())
	var times []time.Duration
	for _, at := range many.done {
		times = append(times, at.Sub(begun))
	}
	slices.Sort(times)
	median, last := times[len(times)/2], times[len(times)-1]
	ahead := float64(devices*herdQueue) / last.Seconds()
	for _, it := range r.replicas {
		t.Logf("%s: at most %d MiB", it.name(), peak(t, it.process.Load()))
		if err := it.process.Load().Stop(); err != nil {
			t.Error(err)
		}
		<-it.process.Load().Done()
	}
	t.Logf("%d devices: done after %v at the median and %v at the latest, a ratio of %.2f", devices, median.Round(time.Millisecond), last.Round(time.Millisecond), float64(last)/float64(median))
	t.Logf("%.0f transactions a second, and %.0f of %d devices before: a ratio of %.2f", ahead, alone, few, ahead/alone)
	early, exhausted := r.exhausted(t, begun)
	t.Logf("uploads for which the pool had no connection in time: %d in the outage, %d after it", early, exhausted)
	t.Logf("it took %v from the beginning of the outage", together.Round(time.Millisecond))
	t.Log((&Report{Events: r.counts.events}).String())
	if r.faults.n > 0 {
		t.Errorf("violations: %v", r.faults.all)
	}
}

// crowd is devices that only send.
type crowd struct {
	devices []*device
	done    []time.Time
}

// herd makes devices, each of another user, with full queues.
func (r *run) herd(t *testing.T, urls []string, first, n, queue int) *crowd {
	t.Helper()
	c := &crowd{done: make([]time.Time, n)}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}
	t.Cleanup(client.CloseIdleConnections)
	for i := range n {
		d, err := r.newDevice(first+i, urls[i%len(urls)])
		if err != nil {
			t.Fatal(err)
		}
		d.http, d.vendor = client, false
		for len(d.queue) < queue {
			d.nextTx++
			tx := &transaction{id: d.nextTx, written: time.Now()}
			d.op(tx, put, registers, fmt.Sprintf("%s-%d", d.id, tx.id), d.value(put))
			d.queue = append(d.queue, tx)
		}
		c.devices = append(c.devices, d)
	}
	return c
}

// finish sends until all queues are empty, and tells how long it took.
func (c *crowd) finish(t *testing.T) time.Duration {
	t.Helper()
	begun := time.Now()
	group, ctx := errgroup.WithContext(t.Context())
	for i, d := range c.devices {
		group.Go(func() error {
			for len(d.queue) > 0 {
				settled, err := d.send(ctx, d.queue[:min(herdHead, len(d.queue))])
				if err != nil {
					return err
				}
				d.settle(settled)
				if len(settled) == 0 && !pause(ctx, d.rnd, time.Second, 2*time.Second) {
					return ctx.Err()
				}
			}
			c.done[i] = time.Now()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return time.Since(begun)
}

var (
	logTime = regexp.MustCompile(`^time=(\S+)`)
	// noConnection is an upload that waited for a connection of the pool until its time was over. When none can be made,
	// the cause is that of the server; so is that of statements.
	noConnection = regexp.MustCompile(` msg=upload .* held=retry .* cause="context deadline exceeded"$`)
)

// exhausted counts, in what the daemons said before and after a time, the uploads for which there was no connection.
func (r *run) exhausted(t *testing.T, at time.Time) (before, after int) {
	t.Helper()
	for _, file := range r.logs() {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if !noConnection.MatchString(strings.TrimSuffix(line, "\n")) {
				continue
			}
			said, err := time.Parse(time.RFC3339, logTime.FindStringSubmatch(line)[1])
			switch {
			case err != nil:
				t.Fatal(err)
			case said.Before(at):
				before++
			default:
				after++
			}
		}
	}
	return before, after
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that a process has had, in MiB, 0 where the system does not say.
func peak(t *testing.T, p *daemontest.Process) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.ID()), "status"))
	if err != nil {
		return 0
	}
	m := highWater.FindSubmatch(text)
	if m == nil {
		return 0
	}
	kb, _ := strconv.Atoi(string(m[1]))
	return kb >> 10
}
