package faults

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestLockedRow has a row locked for long, and twenty devices of one user that want to write it. Fifty devices of others
// write rows of their own meanwhile, and all of them get through. Afterwards the twenty do, too.
func TestLockedRow(t *testing.T) {
	binary := build(t)
	for name, open := range map[string]func(*testing.T) *troubled{"postgres": troubledPostgres, "mysql": troubledMySQL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			g := startGateway(t, binary, db.driver, db.dsn, "  max_conns: 16")
			defer g.stop()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			first := g.sender("ann", "ann-0")
			if _, err := first.until(ctx, http.StatusOK, first.put("registers", "hot", "ann")); err != nil {
				t.Fatal(err)
			}
			locked := &hog{}
			begin, lock := "begin", "update registers set owner = owner where id = 'hot'"
			if err := locked.take(ctx, db.store.db, 1, begin); err != nil {
				t.Fatal(err)
			}
			if _, err := locked.conns[0].ExecContext(ctx, lock); err != nil {
				t.Fatal(err)
			}
			var waiting, others errgroup.Group
			for i := range 20 {
				d := &sender{gateway: g, id: fmt.Sprintf("ann-%d", i+1), token: first.token}
				waiting.Go(func() error {
					_, err := d.until(ctx, http.StatusOK, d.put("registers", "hot", "ann"))
					return err
				})
			}
			for g.metric(`writegate_uploads_held_total{class="retry"}`) == 0 { // the first one has waited
				time.Sleep(20 * time.Millisecond)
			}
			took := make([]time.Duration, 50)
			for i := range took {
				d := g.sender(fmt.Sprintf("user-%d", i), fmt.Sprintf("other-%d", i))
				others.Go(func() error {
					begun := time.Now()
					_, err := d.until(ctx, http.StatusOK, d.put("registers", d.id, fmt.Sprintf("user-%d", i)))
					took[i] = time.Since(begun)
					return err
				})
			}
			if err := others.Wait(); err != nil {
				t.Errorf("a device that wants nothing of the locked row: %v", err)
			}
			slices.Sort(took)
			t.Logf("50 others meanwhile: median %v, worst %v; %v uploads held", took[25].Round(time.Millisecond), took[49].Round(time.Millisecond),
				g.metric(`writegate_uploads_held_total{class="retry"}`))
			if err := ended(locked, "rollback")(ctx); err != nil {
				t.Fatal(err)
			}
			if err := waiting.Wait(); err != nil {
				t.Errorf("a device that waited for the row: %v", err)
			}
		})
	}
}
