package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"writegate"
	"writegate/policy"
)

// lookEvery is how often the files of the policy are looked at. A change counts once it is the same twice, so that
// a file which is being written is not read half.
const lookEvery = time.Second

// watching runs a watch in the background until the returned function is called.
func watching(ctx context.Context, watch func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { watch(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// outlastingHangups keeps SIGHUP from ending the process until the returned function is called: also before the policy is
// watched, and while uploads finish after it was.
func outlastingHangups() (stop func()) {
	unheard := make(chan os.Signal, 1)
	signal.Notify(unheard, syscall.SIGHUP)
	return func() { signal.Stop(unheard) }
}

// watch reads the policy again when its files change, and on SIGHUP, until ctx ends. A reload that failed for want of
// a database is tried again, one of a faulty policy waits for the next change.
func (g *gates) watch(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var last contents
	again := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		case <-tick.C:
			now := g.contents()
			settled := maps.Equal(now, last)
			if last = now; !settled || !again && maps.Equal(now, g.tried()) {
				continue
			}
		}
		again = worthAgain(g.reload(ctx))
	}
}

// worthAgain tells an error that may pass by itself.
func worthAgain(err error) bool {
	e, ok := errors.AsType[*writegate.Error](err)
	return ok && e.Class == writegate.Retry
}

// contents identify what files say, or why they can't be read.
type contents map[string][sha256.Size]byte

func contentsOf(files ...string) contents {
	out := contents{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			text = []byte(err.Error())
		}
		out[name] = sha256.Sum256(text)
	}
	return out
}

// contents are those of the files that the last attempt to load read, or wanted to.
func (g *gates) contents() contents { return contentsOf(slices.Collect(maps.Keys(g.tried()))...) }

// tried are the contents that the last attempt to load found, or older ones.
func (g *gates) tried() contents {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.read
}

// load reads the policy, and remembers what was read.
func (g *gates) load() (*policy.Source, error) {
	before := contentsOf(g.config.Policy) // should it change while it is being read, it will be read again
	source, files, err := policy.Read(g.config.Policy)
	if err == nil {
		err = g.fits(source)
	}
	read := contentsOf(files...)
	maps.Copy(read, before)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.read = read
	return source, err
}

// reload reads the policy and holds it against the tables of every tenancy that is at work, then lets all of them go
// over to it at once. An upload keeps the rules that it began with. When anything is wrong, nothing changes; it is
// in the log, and the error.
func (g *gates) reload(ctx context.Context) error {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	was := g.revision()
	err := g.renew(ctx)
	g.metrics.reloaded(err, g.revision())
	if err == nil {
		g.log.InfoContext(ctx, "policy reloaded", "policy", g.revision(), "was", was)
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	if faults, ok := errors.AsType[policy.Faults](err); ok {
		for _, f := range faults {
			g.log.ErrorContext(ctx, "policy not reloaded: the one before stays", "fault", f.String(), "policy", was)
		}
		return err
	}
	g.log.ErrorContext(ctx, "policy not reloaded: the one before stays", "error", plain(err), "policy", was)
	return err
}

func (g *gates) renew(ctx context.Context) error {
	source, err := g.load()
	if err != nil {
		return err
	}
	bound := map[*gate]*rules{}
	for where, it := range g.atWork() {
		now, err := g.bind(ctx, where, source)
		if err != nil {
			return err
		}
		bound[it] = now
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.source = source
	for _, it := range g.made {
		it.rules.Store(bound[it]) // nil where the tenancy came meanwhile: it is bound by its next upload
	}
	return nil
}

// atWork returns the gates that have rules.
func (g *gates) atWork() map[tenancy]*gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[tenancy]*gate{}
	for where, it := range g.made {
		if it.rules.Load() != nil {
			out[where] = it
		}
	}
	return out
}
