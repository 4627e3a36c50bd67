package keys

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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
	for _, what := range []string{"token verified", "key signs", "emergency", "removed", "imported", "rotated", "planned already", "answer lost", "outage", "restart", "unsure"} {
		if total[what] == 0 && histories >= 6 {
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
		keys: map[string]*fate{}, gone: map[string]bool{}, secrets: map[string]bool{}, log: &strings.Builder{}, count: tallied{},
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

// start has a replica start, as serve does.
func (w *world) start(m *member) {
	s, err := Open(w.Context(), m.options)
	if err != nil {
		if !m.link.away {
			w.fail("start: %v", err)
		}
		return
	}
	m.set = s
	w.advance(m)
}

func (w *world) advance(m *member) {
	err := m.set.Advance(w.Context())
	if err != nil && !errors.Is(err, errAway) && !errors.Is(err, errLost) {
		w.fail("advance: %v", err)
	}
	m.look = time.Now().Add(27*time.Second + w.within(3*time.Second))
}

// step lets a while pass, in which replicas look, and then something happens.
func (w *world) step() {
	for until := time.Now().Add(w.within([]time.Duration{time.Minute, 5 * time.Minute, 20 * time.Minute}[w.r.IntN(3)])); time.Now().Before(until); {
		w.pass()
	}
	m := w.replicas[w.r.IntN(len(w.replicas))]
	if what := w.r.IntN(12); m.set == nil || what == 0 {
		w.restart(m)
	} else if what < 4 {
		w.outage(m)
	} else if what < 7 {
		w.operate(m)
	} else if what == 7 {
		w.configure()
	}
	w.check()
}

// pass lets a few seconds pass.
func (w *world) pass() {
	time.Sleep(5 * time.Second)
	for _, m := range w.replicas {
		if m.link.away && m.back.Before(time.Now()) {
			m.link.away = false
		}
		if m.set != nil && !time.Now().Before(m.look) {
			w.advance(m)
		}
	}
	w.check()
}

func (w *world) restart(m *member) {
	others := slices.ContainsFunc(w.replicas, func(other *member) bool { return other != m && other.set != nil })
	if m.set != nil && others && w.r.IntN(2) == 0 {
		w.tell("down")
		m.set = nil
		return
	}
	w.tell("restart")
	if !m.link.away { // else it would not start, and the other ones may be down
		w.start(m)
	}
}

// configure has all replicas start again with other settings, or one of them.
func (w *world) configure() {
	ttl := []time.Duration{2 * time.Minute, 20 * time.Minute, 2 * time.Hour}[w.r.IntN(3)]
	every := []time.Duration{0, time.Hour, 3 * time.Hour}[w.r.IntN(3)]
	w.tell("configured", every, ", tokens of ", ttl)
	all := w.replicas
	if w.r.IntN(2) == 0 {
		all = all[:1]
	}
	for _, m := range all {
		m.options.MaxTTL, m.options.RotateEvery = ttl, every
		if !m.link.away {
			w.start(m)
		}
	}
}

func (w *world) outage(m *member) {
	if m.link.away {
		return
	}
	if w.r.IntN(3) == 0 {
		w.tell("answer lost")
		m.link.lose = true
	} else {
		w.tell("outage")
		m.link.away = true
	}
	m.back = time.Now().Add(w.within(mostOutage))
}

// operate does what an operator may do, from the machine of a replica, and has the model know of it.
func (w *world) operate(m *member) {
	ctx := w.Context()
	var before []string
	for kid := range w.keys {
		before = append(before, kid)
	}
	var err error
	var k Key
	switch w.r.IntN(8) {
	case 0, 1, 2:
		k, err = m.set.Rotate(ctx, "")
		w.tell("rotated", k.ID, err)
	case 3, 4:
		made := newKey()
		if w.r.IntN(4) == 0 { // one that is there, or was
			for _, known := range m.set.plan {
				if known.private != nil {
					made = known.private
				}
			}
		}
		atOnce := w.r.IntN(2) == 0
		k, err = m.set.Import(ctx, made, atOnce)
		w.tell("imported", made.ID(), " ", atOnce, err)
		if atOnce && (err == nil || isUnsure(err)) {
			w.soon(made.ID())
		}
	case 5, 6:
		all := m.set.Keys()
		kid := all[w.r.IntN(len(all))].ID
		err = m.set.Remove(ctx, kid)
		w.tell("removed", kid, err)
		if err == nil || isUnsure(err) {
			w.fate(kid).dead = true
		}
	default:
		k, err = m.set.Replace(ctx, "")
		w.tell("emergency", k.ID, err)
		if unsure, ok := errors.AsType[*UnsureError](err); ok {
			k.ID = unsure.ID
		}
		if k.ID != "" {
			for _, kid := range before {
				w.keys[kid].dead = true
			}
			for _, known := range must(w.sealer.open(w.store.doc)) {
				w.fate(known.ID).dead = known.ID != k.ID
			}
			w.soon(k.ID)
		}
	}
	switch {
	case isUnsure(err):
		w.count["unsure"]++
	case errors.Is(err, ErrPlanned):
		w.count["planned already"]++
	case err == nil, errors.Is(err, ErrKnown), errors.Is(err, ErrSigning), errors.Is(err, ErrUnknown), errors.Is(err, errAway):
	default:
		w.fail("%v", err)
	}
}

func isUnsure(err error) bool {
	_, ok := errors.AsType[*UnsureError](err)
	return ok
}

func (w *world) fate(kid string) *fate {
	if w.keys[kid] == nil {
		w.keys[kid] = &fate{}
	}
	return w.keys[kid]
}

// check holds the world against the model.
func (w *world) check() {
	w.checkDocument()
	w.checkTokens()
	settled := time.Now().Sub(w.changed) > 40*time.Second
	var keys []Key
	for i, m := range w.replicas {
		if m.set == nil {
			continue
		}
		v := m.set.current()
		if v.signer == nil {
			w.fail("replica %d has nothing to sign with", i)
		}
		for _, kid := range v.ids {
			if w.gone[kid] && m.set.version == w.version {
				w.fail("replica %d publishes %s, which is gone", i, kid)
			}
		}
		w.sign(m, v.signer.ID())
		w.checkPublic(m)
		if inTouch := !m.link.away && time.Now().Sub(m.back) > 40*time.Second; inTouch && settled {
			now := m.set.Keys()
			if keys != nil && !slices.EqualFunc(keys, now, func(a, b Key) bool {
				return a.ID == b.ID && a.Gone == b.Gone && a.Signing.Equal(b.Signing) && a.Removed.Equal(b.Removed)
			}) {
				w.fail("replicas differ for too long:\n%s", cmp.Diff(keys, now))
			}
			keys = now
		}
	}
}

// checkDocument has no key come back.
func (w *world) checkDocument() {
	if w.store.version == w.version {
		return
	}
	w.version, w.changed = w.store.version, time.Now()
	p, err := w.sealer.open(w.store.doc)
	if err != nil {
		w.fail("the document: %v", err)
	}
	for _, k := range p {
		switch {
		case k.Gone:
			w.gone[k.ID] = true
			continue
		case w.gone[k.ID]:
			w.fail("%s is back", k.ID)
		}
		der := must(k.private.PKCS8())
		w.secrets[base64.RawStdEncoding.EncodeToString(der[len(der)-32:])] = true
		w.secrets[base64.RawURLEncoding.EncodeToString(der[len(der)-32:])] = true
	}
	w.checkSecret("the document", string(w.store.doc))
}

// checkPublic has nothing private be in what others see of a replica.
func (w *world) checkPublic(m *member) {
	if w.r.IntN(20) > 0 {
		return
	}
	w.checkSecret("the key set", string(m.set.PublicJWKS()))
	w.checkSecret("the list", fmt.Sprintf("%+v", m.set.Keys()))
	w.checkSecret("the metrics", scrape(w.T, m.set))
	w.checkSecret("the log", w.log.String())
	w.log.Reset()
	if strings.Contains(string(m.set.PublicJWKS()), `"d"`) {
		w.fail("the key set has private members")
	}
}

func (w *world) checkSecret(where, text string) {
	for secret := range w.secrets {
		if strings.Contains(text, secret) {
			w.fail("a private key is in %s", where)
		}
	}
}

// sign makes a token now and then.
func (w *world) sign(m *member, kid string) {
	if w.r.IntN(20) > 0 {
		return
	}
	if w.keys[kid] == nil {
		w.count["key signs"]++
	}
	ttl := time.Minute + w.within(m.set.options.MaxTTL-time.Minute)
	ttl = ttl.Truncate(time.Second)
	now := time.Now()
	w.fate(kid)
	w.tokens = append(w.tokens, issued{mint(w.T, m.set, ttl), kid, now, now.Add(ttl - mostSkew)})
}

// checkTokens has tokens verified: some at once, some in between, all shortly before they end.
func (w *world) checkTokens() {
	now := time.Now()
	left := w.tokens[:0]
	for _, token := range w.tokens {
		last := token.ends.Before(now.Add(10 * time.Second))
		if last || w.r.IntN(200) == 0 {
			w.verify(token)
		}
		if !last {
			left = append(left, token)
		}
	}
	w.tokens = left
}

func (w *world) verify(token issued) {
	if f := w.keys[token.kid]; f.dead || token.signed.Before(f.known) {
		return
	}
	w.count["token verified"]++
	for i, s := range w.services {
		if s.keys == nil || time.Since(s.fetched) > serviceKeep {
			from := w.replicas[w.r.IntN(len(w.replicas))].set
			if from == nil {
				continue
			}
			s.keys = must(syncverify.New(syncverify.Options{Audience: []string{"app"}, JWKS: from.PublicJWKS()}))
			s.fetched = time.Now()
		}
		if _, err := s.keys.Verify(w.Context(), token.text); err != nil {
			w.fail("service %d, with keys of %s: key %s, signed at %s: %v", i, s.fetched.UTC().Format("15:04:05"), token.kid, token.signed.UTC().Format("15:04:05"), err)
		}
	}
	if m := w.replicas[w.r.IntN(len(w.replicas))]; m.set != nil && w.r.IntN(20) == 0 {
		if err := believes(w.T, m.set, token.text); err != nil {
			w.fail("a replica: key %s: %v", token.kid, err)
		}
	}
}

// calm has everybody be up and turn keys by schedule, and nobody else do anything.
func (w *world) calm() {
	w.tell("calm")
	for _, m := range w.replicas {
		m.link.away, m.link.lose, m.options.RotateEvery = false, false, time.Hour
		w.start(m)
	}
	before := w.replicas[0].set.Signer()
	for range 5 * 60 * 12 {
		w.pass()
	}
	p := w.replicas[0].set.plan
	if signer := p.find(before); signer == nil || !signer.Gone || p.turns(w.replicas[0].set.options.times(), time.Now()).Before(time.Now().Add(-time.Minute)) {
		w.fail("keys are not turned by schedule: %v", w.replicas[0].set.Keys())
	}
}
