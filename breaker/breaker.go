// Package breaker tries to make the gateway lose a write, or apply one twice, and tells whether it did.
//
// Simulated devices with real queues send through a proxy that loses, delays, doubles and cuts their requests, to two
// replicas of the real daemon that are killed and stopped, on a real database that is restarted, killed, locked and cut
// off. In the end all of it is let be, the queues run empty, and what the devices were told is held against
// every table of the database. [Run] is one such run; the tests of this package make it on each engine.
package breaker

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options of a run.
type Options struct {
	// Seed decides what devices write and which faults come when, as far as real processes allow.
	Seed uint64
	// Time is how long faults go on.
	Time time.Duration
	// Drain bounds how long it may take until all queues are empty after that.
	Drain time.Duration
	// Devices and Tenants say how many there are; devices are dealt out to tenants.
	Devices, Tenants int
	// Binary is the daemon, built with its failpoints, and Dir a folder for its files.
	Binary, Dir string
	Database    Database
	// Log hears what is done to replicas and to the database, and when. Nil discards it.
	Log *slog.Logger
}

// replicas is how many daemons serve the devices.
const replicas = 2

// run is all that is shared by the parts of one.
type run struct {
	Options
	world    *world
	counts   *counts
	faults   *violations
	secret   []byte
	proxy    *proxy
	replicas []*replica
	devices  []*device
}

// Run makes a run and returns what happened in it. The error is about what kept it from being made; what it found is in
// the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &run{Options: o, counts: newCounts(), faults: &violations{}, secret: []byte("secret-secret-secret-secret-secret"), world: newWorld(o.Tenants)}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	defer r.close()

	load, stopLoad := context.WithTimeout(ctx, o.Time)
	defer stopLoad()
	drain, stopDrain := context.WithTimeout(ctx, o.Time+o.Drain)
	defer stopDrain()
	served, stopServing := context.WithCancel(ctx)
	defer stopServing()

	var serving sync.WaitGroup
	for _, it := range r.replicas {
		serving.Go(func() { it.live(ctx, served, load) })
	}
	var work errgroup.Group
	for _, d := range r.devices {
		work.Go(func() error { return d.run(load, drain) })
	}
	work.Go(func() error { return r.strike(load) })
	work.Go(func() error { return r.rewritePolicy(load) })
	work.Go(func() error { return r.pruneLedger(load) })
	work.Go(func() error { return r.watchSums(load) })
	work.Go(func() error {
		<-load.Done()
		r.proxy.behave()
		return nil
	})
	err := work.Wait()
	r.proxy.wait()
	stopServing()
	serving.Wait()
	if err != nil {
		return nil, err
	}
	if err := r.check(ctx); err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	return r.report(), nil
}

func (r *run) prepare(ctx context.Context) error {
	if err := r.Database.Prepare(ctx, r.world); err != nil {
		return fmt.Errorf("prepare the database: %w", err)
	}
	var addrs []string
	for i := range replicas {
		it, err := r.newReplica(ctx, i)
		if err != nil {
			return err
		}
		r.replicas = append(r.replicas, it)
		addrs = append(addrs, it.daemon.Addr)
	}
	var err error
	if r.proxy, err = newProxy(ctx, addrs, r.rnd(1), r.counts); err != nil {
		return err
	}
	for i := range r.Devices {
		d, err := r.newDevice(i, "http://"+r.proxy.addr()+"/api/data")
		if err != nil {
			return err
		}
		r.devices = append(r.devices, d)
	}
	return nil
}

func (r *run) close() {
	r.proxy.close()
	for _, d := range r.devices {
		d.http.CloseIdleConnections()
	}
}

// rnd is a source of chance of its own for each part, so that one does not disturb the others.
func (r *run) rnd(part uint64) *rand.Rand { return rand.New(rand.NewPCG(r.Seed, part)) }

// logs are the files that the daemons wrote.
func (r *run) logs() []string {
	var files []string
	for _, it := range r.replicas {
		files = append(files, it.daemon.Log)
	}
	return files
}

func (r *run) policyFile() string { return filepath.Join(r.Dir, "policy.yaml") }

// pause waits for some time between the two, and reports whether ctx lasted as long.
func pause(ctx context.Context, rnd *rand.Rand, least, most time.Duration) bool {
	return wait(ctx, least+time.Duration(rnd.Int64N(int64(most-least))))
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
