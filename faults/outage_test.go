package faults

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestMain lets as many outages happen at once as there are databases: they wait, they don't compute.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "5"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// target is a database server of the test's own, with tables for the load.
type target struct {
	name string
	// database is that section of the daemon's configuration.
	database string
	store
	outages []outage
}

// store looks at the tables without the daemon.
type store interface {
	// registers returns the value of each row, by its id.
	registers(ctx context.Context) (map[string]string, error)
	// effects counts how often each value was written to each row, nil where the database can't record that.
	effects(ctx context.Context) (map[[2]string]int, error)
}

// outage is one thing that happens to a database. Strike makes it so, mend ends it, after it has lasted for some time
// and some device has noticed.
type outage struct {
	name         string
	lasts        time.Duration
	strike, mend func(ctx context.Context) error
	// hidden says that devices need not notice, since the daemon itself tries again for a while.
	hidden bool
}

// TestOutages has devices write without a pause while their database is away, in one way after the other. Each of
// their uploads is answered 200 or 503, all outages are noticed and survived, and in the end every write took effect
// once. With WRITEGATE_VERIFY=1 each outage comes five times, in any order.
func TestOutages(t *testing.T) {
	binary := build(t)
	for _, open := range []struct {
		name string
		with func(t *testing.T) *target
	}{
		{"postgres", postgresTarget}, {"mysql", mysqlTarget}, {"mariadb", mariadbTarget}, {"documentdb", documentdbTarget}, {"sqlite", sqliteTarget},
	} {
		t.Run(open.name, func(t *testing.T) {
			t.Parallel()
			surviveOutages(t, binary, open.with(t))
		})
	}
}

func surviveOutages(t *testing.T, binary string, db *target) {
	addr := freeAddr(t)
	config := writeConfigOf(t, addr, db.database)
	p := start(t, binary, config, addr, nil)
	log := filepath.Join(filepath.Dir(config), "daemon.log")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon says\n%s", complaints(log))
		}
	})
	seed := rand.Uint64()
	t.Logf("%s, seed %d", db.name, seed)
	load, stopLoad := context.WithCancel(t.Context())
	defer stopLoad()
	drain, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	group, drain := errgroup.WithContext(drain)
	var all []*device
	for i := range devices {
		d := &device{
			id: fmt.Sprintf("device-%d", i), http: &http.Client{Transport: &http.Transport{}},
			rnd: rand.New(rand.NewPCG(seed, uint64(i)+1)),
		}
		defer d.http.CloseIdleConnections()
		d.token = token(t, binary, config, d.id)
		all = append(all, d)
		group.Go(func() error { return d.run(load, drain, "http://"+addr) })
	}
	for _, o := range order(db.outages, rand.New(rand.NewPCG(seed, 0))) {
		begun := time.Now()
		if err := strike(drain, o, all); err != nil {
			t.Errorf("%s: %v", o.name, err)
			break
		}
		t.Logf("%s: survived after %v", o.name, time.Since(begun).Round(time.Millisecond))
	}
	stopLoad()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	p.stop(t)
	audit(t, db, all)
}

// complaints are the last lines of a log that are about anything but uploads that went well.
func complaints(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "status=200") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-20):], "")
}

// order is each outage once, or five times in any order.
func order(outages []outage, rnd *rand.Rand) []outage {
	if os.Getenv("WRITEGATE_VERIFY") != "1" {
		return outages
	}
	var all []outage
	for range 5 {
		all = append(all, outages...)
	}
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// patience is how long an outage may go on until a device notices, as one of a disk that fills up does.
const patience = 30 * time.Second

// strike waits until every device writes, has the outage, and waits until every device writes again.
func strike(ctx context.Context, o outage, all []*device) error {
	if err := everybody(ctx, all); err != nil {
		return fmt.Errorf("before: %w", err)
	}
	before := held(all)
	if err := o.strike(ctx); err != nil {
		return fmt.Errorf("strike: %w", err)
	}
	begun := time.Now()
	for since := time.Duration(0); ctx.Err() == nil && (since < o.lasts || !o.hidden && held(all) == before && since < patience); since = time.Since(begun) {
		time.Sleep(5 * time.Millisecond)
	}
	if err := o.mend(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	if err := everybody(ctx, all); err != nil {
		return fmt.Errorf("after: %w", err)
	}
	if held(all) == before && !o.hidden {
		return fmt.Errorf("no device noticed")
	}
	return nil
}

// everybody waits until each device has settled an upload from now on.
func everybody(ctx context.Context, all []*device) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	begin := make([]int64, len(all))
	for i, d := range all {
		begin[i] = d.settled.Load()
	}
	for i, d := range all {
		for d.settled.Load() == begin[i] {
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s settles nothing: %w", d.id, context.Cause(ctx))
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	return nil
}

func held(all []*device) (n int64) {
	for _, d := range all {
		n += d.held.Load()
	}
	return n
}

// audit counts what the devices were told against what the database has.
func audit(t *testing.T, db *target, all []*device) {
	t.Helper()
	rows, err := db.registers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	effects, err := db.effects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, acked, wrong := map[string]string{}, 0, 0
	for _, d := range all {
		for _, op := range d.acked {
			value := op.Data["value"].(string)
			want[op.ID] = value
			if acked++; effects != nil && effects[[2]string{op.ID, value}] != 1 {
				wrong++
				t.Errorf("row %s: value %s took effect %d times", op.ID, value, effects[[2]string{op.ID, value}])
			}
		}
	}
	for id, value := range want {
		if rows[id] != value {
			wrong++
			t.Errorf("row %s is %q, the last acknowledged value is %q", id, rows[id], value)
		}
	}
	t.Logf("%d operations acknowledged, %d uploads held back: %d rows, %d effects, %d wrong", acked, held(all), len(rows), len(effects), wrong)
	if len(rows) != len(want) || effects != nil && len(effects) != acked || acked == 0 {
		t.Errorf("%d rows and %d effects of %d operations on %d rows", len(rows), len(effects), acked, len(want))
	}
}
