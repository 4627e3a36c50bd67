package keys

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"writegate/auth"
	"writegate/internal/syncverify"
)

// The figures of the histories: clocks differ by as much as tokens allow, a replica is out of touch for at most so long, and a sync
// service keeps a key set for so long. A key that is published for 10 minutes is known to all of them before it signs.
const (
	mostSkew    = 30 * time.Second // to either side
	mostOutage  = 3*time.Minute - 30*time.Second
	serviceKeep = 5 * time.Minute
)

// TestHistories has three replicas live through random histories, and compares them with what the documents promise:
//
//   - every replica that is up can sign, once there is a key;
//   - every token is good as long as it lives, for a sync service with keys of up to five minutes before, and for the other replicas, unless an
//     operator has removed its key or had a new one sign at once;
//   - a removed key never comes back, and one that an operator removed is published nowhere by whom has looked since;
//   - nothing private is in anything that others see;
//   - replicas that can look have the same keys by the next look;
//   - keys are turned by schedule whenever somebody can.
//
// WRITEGATE_SEED repeats one history, WRITEGATE_HISTORIES asks for more of them.
func TestHistories(t *testing.T) {
	histories := 6
	if n, err := strconv.Atoi(os.Getenv("WRITEGATE_HISTORIES")); err == nil {
		histories = n
	}
	seed, err := strconv.ParseUint(os.Getenv("WRITEGATE_SEED"), 10, 64)
	if err == nil {
		histories = 1
	} else {
		seed = rand.Uint64()
	}
	total := tallied{}
	for i := range histories {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed+uint64(i))
			for range 100 {
				w.step()
			}
			w.calm()
			total.add(w.count)
		})
	}
	t.Logf("%d histories: %v", histories, total)
	for _, what := range []string{"token verified", "key signs", "emergency", "removed", "imported", "imported again", "rotated", "planned already", "answer lost", "outage", "restart", "unsure"} {
		if total[what] == 0 && histories >= 20 {
			t.Errorf("it never came to %q", what)
		}
	}
}

type tallied map[string]int

func (c tallied) add(other tallied) {
	for what, n := range other {
		c[what] += n
	}
}

// link is the way of one replica to the store.
type link struct {
	Store
	r    *rand.Rand
	away bool
	lose bool // the next answer to a swap, and perhaps the link with it
}

func (l *link) Load(ctx context.Context) ([]byte, int64, error) {
	if l.away {
		return nil, 0, errAway
	}
	return l.Store.Load(ctx)
}

func (l *link) Swap(ctx context.Context, doc []byte, version int64) (bool, error) {
	if l.away {
		return false, errAway
	}
	done, err := l.Store.Swap(ctx, doc, version)
	if l.lose {
		l.lose = false
		l.away = l.r.IntN(2) == 0
		return false, errLost
	}
	return done, err
}

// member is a replica.
type member struct {
	link    *link
	set     *Set // nil while it is down
	options Options
	look    time.Time // the next one
	back    time.Time // when the link is to be there again
}

// fate is what the model knows of a key.
type fate struct {
	known time.Time // from when on everybody has it for sure
	dead  bool      // an operator has removed it, or nobody knows whether
}

// issued is a token, until it ends.
type issued struct {
	text, kid string
	signed    time.Time
	ends      time.Time
}

// service is a sync service, which keeps what it has fetched.
type service struct {
	keys    *syncverify.Verifier
	fetched time.Time
}

type world struct {
	*testing.T
	seed     uint64
	r        *rand.Rand
	store    *inMemory
	sealer   sealer
	replicas []*member
	services []*service
	keys     map[string]*fate
	made     map[string]*auth.Key
	gone     map[string]bool // by the document
	secrets  map[string]bool // private halves, in base64
	tokens   []issued
	version  int64
	changed  time.Time // the document
	log      *strings.Builder
	story    []string
	count    tallied
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		T: t, seed: seed, r: rand.New(rand.NewPCG(seed, 0)), store: &inMemory{}, sealer: must(newSealer(secret)), services: []*service{{}, {}},
		keys: map[string]*fate{}, made: map[string]*auth.Key{}, gone: map[string]bool{}, secrets: map[string]bool{}, log: &strings.Builder{}, count: tallied{},
	}
	for range 3 {
		l := &link{Store: w.store, r: w.r}
		w.replicas = append(w.replicas, &member{link: l, options: Options{
			Store: l, Secret: secret, Algorithm: "EdDSA", RotateEvery: time.Hour, MaxTTL: 20 * time.Minute,
			Now: skewed(w.within(2*mostSkew) - mostSkew), Log: slog.New(slog.NewTextHandler(w.log, nil)),
		}})
	}
	w.start(w.replicas[0])
	w.soon(w.replicas[0].set.Signer())
	return w
}

func (w *world) within(d time.Duration) time.Duration { return time.Duration(w.r.Int64N(int64(d))) }

func (w *world) fail(format string, args ...any) {
	w.Helper()
	w.Fatalf("WRITEGATE_SEED=%d: %s\n%s", w.seed, fmt.Sprintf(format, args...), strings.Join(w.story, "\n"))
}

func (w *world) tell(what string, about ...any) {
	w.count[what]++
	w.story = append(w.story, fmt.Sprint(append([]any{time.Now().UTC().Format("15:04:05"), " ", what, " "}, about...)...))
}

// soon has a key that signs at once be known to all when they have asked again.
func (w *world) soon(kid string) {
	w.keys[kid] = &fate{known: time.Now().Add(mostOutage + 30*time.Second + serviceKeep)}
}
