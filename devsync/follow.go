package devsync

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"writegate"
)

// breath is the least pause between two snapshots.
const breath = 10 * time.Millisecond

// follow takes snapshots while anybody is connected: when nudged, and at every poll.
func (s *Server) follow() {
	j := newJournal()
	failing := false
	timer := time.NewTimer(s.o.Poll)
	defer timer.Stop()
	for {
		timer.Stop()
		if !s.idle() {
			timer.Reset(s.o.Poll)
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
		if s.idle() {
			continue
		}
		begun := time.Now()
		err := s.snapshot(j)
		if err != nil && s.ctx.Err() == nil && !failing {
			s.o.Log.Warn("development sync cannot read the source, trying again", slog.Any("error", err), slog.Any("cause", writegate.AsError(err).Cause))
		}
		failing = err != nil
		// A source that is slow to read is not read all the time.
		if !sleep(s.ctx, max(breath, time.Since(begun))) {
			return
		}
	}
}

// snapshot reads the source and publishes what it found, if it is news to anybody.
func (s *Server) snapshot(j *journal) error {
	s.mu.Lock()
	number := s.tick()
	s.mu.Unlock()

	r := j.begin()
	if tables := s.o.Tables(); len(tables) > 0 {
		err := s.o.Source.Snapshot(s.ctx, tables, func(table, id string, data []byte) error {
			r.add(table, id, data)
			return nil
		})
		if err != nil {
			return err
		}
	}
	differs := r.commit()

	s.mu.Lock()
	defer s.mu.Unlock()
	if differs || s.bucket == nil || s.bucket.checkpoint < s.requested {
		s.bucket = j.bucket(number)
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return nil
}

// sleep waits and reports whether it did so to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
	return errors.Is(ctx.Err(), context.DeadlineExceeded)
}
