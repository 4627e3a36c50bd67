// Command bench measures writegate beside bare pgx doing the same work, in one run, and prints ratios.
//
// The daemon runs as a process of its own and is driven over HTTP with a token, a policy with a row rule,
// and the ledger on. Both sides commit once for each upload. Rounds are interleaved, rows are counted after
// each. Absolute figures depend on the machine; the ratios are what counts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const stockRows = 100_000

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	seconds := flag.Float64("seconds", 1.5, "how long one measurement takes, about")
	rounds := flag.Int("rounds", 3, "how often each measurement is repeated")
	flag.Parse()
	admin := os.Getenv("WRITEGATE_TEST_POSTGRES")
	if admin == "" {
		return errors.New("WRITEGATE_TEST_POSTGRES is not set: make engines-up, then export what it prints")
	}
	db, err := createDatabase(ctx, admin)
	if err != nil {
		return err
	}
	defer db.drop()
	daemon, err := startDaemon(ctx, db.dsn)
	if err != nil {
		return err
	}
	defer daemon.stop()

	fmt.Printf("%-8s %3s  %14s %14s %14s  %7s  %9s %9s\n", "tx×ops", "C", "bare each op/s", "bare sets op/s", "writegate op/s", "ratio", "p50 ms", "p99 ms")
	for _, sh := range []shape{{1, 1}, {1, 100}, {50, 4}} {
		for _, clients := range []int{1, 8, 32} {
			if err := measureAll(ctx, db, daemon, sh, clients, *rounds, time.Duration(*seconds*float64(time.Second))); err != nil {
				return fmt.Errorf("%v with %d clients: %w", sh, clients, err)
			}
		}
	}
	return nil
}

// measureAll interleaves the sides and prints one line of medians. The ratio is that of each round to the
// better bare side of the same round, and of these the median.
func measureAll(ctx context.Context, db *database, daemon *daemon, sh shape, clients, rounds int, d time.Duration) error {
	sides := []func(context.Context, *sender, []op) error{
		(&bare{pool: db.pool}).apply,
		(&bare{pool: db.pool, sets: true}).apply,
		daemon.apply,
	}
	rates := make([][]float64, len(sides))
	var ratios []float64
	var times []time.Duration
	for round := range rounds {
		for i := range sides {
			side := (i + round) % len(sides)
			rate, took, err := measure(ctx, db, sides[side], sh, clients, d)
			if err != nil {
				return err
			}
			rates[side] = append(rates[side], rate)
			if side == 2 {
				times = append(times, took...)
			}
		}
		last := func(side int) float64 { return rates[side][round] }
		ratios = append(ratios, last(2)/max(last(0), last(1)))
	}
	slices.Sort(times)
	fmt.Printf("%-8v %3d  %14.0f %14.0f %14.0f  %7.2f  %9.1f %9.1f\n", sh, clients, median(rates[0]), median(rates[1]), median(rates[2]), median(ratios),
		millis(times[len(times)/2]), millis(times[len(times)*99/100]))
	return nil
}

// measure lets the clients send for about d, and returns operations a second and the time of each upload.
func measure(ctx context.Context, db *database, apply func(context.Context, *sender, []op) error, sh shape, clients int, d time.Duration) (float64, []time.Duration, error) {
	if err := db.reset(ctx); err != nil {
		return 0, nil, err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var times []time.Duration
	var errs []error
	done, grown := 0, 0
	run := rand.Uint64()
	begun := time.Now()
	for c := range clients {
		s := &sender{device: fmt.Sprintf("bench-%x-%d", run, c), subject: fmt.Sprintf("user-%d", c), rnd: rand.New(rand.NewPCG(run, uint64(c))), stock: db.stock[c]}
		wg.Go(func() {
			var took []time.Duration
			n := 0
			var err error
			for err == nil && time.Since(begun) < d && ctx.Err() == nil {
				ops := s.upload(sh)
				at := time.Now()
				err = apply(ctx, s, ops)
				took = append(took, time.Since(at))
				n += len(ops)
			}
			mu.Lock()
			defer mu.Unlock()
			times, done, grown = append(times, took...), done+n, grown+s.rows
			errs = append(errs, err)
		})
	}
	wg.Wait()
	elapsed := time.Since(begun)
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return 0, nil, err
	}
	return float64(done) / elapsed.Seconds(), times, db.verify(ctx, stockRows+grown)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// connect opens the pool of the bare side, with statements prepared once.
func connect(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 32
	return pgxpool.NewWithConfig(ctx, cfg)
}
