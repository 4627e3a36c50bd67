package keys

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"writegate/internal/pgtest"
	"writegate/internal/syncverify"
)

// drillClients sign and verify all the time.
const drillClients = 20

// TestDrill rotates the keys of three replicas, with a client of the sync service's cache, and has one of them killed in
// the middle. No token fails. Then somebody steals a key: its tokens are refused everywhere as soon as everybody has looked
// again, and no token of the new key is.
func TestDrill(t *testing.T) {
	if os.Getenv("WRITEGATE_VERIFY") != "1" {
		t.Skip("WRITEGATE_VERIFY is not 1: make drill")
	}
	for _, store := range []struct {
		name string
		spec func(*testing.T) string
	}{
		{"file", func(t *testing.T) string { return "file:" + filepath.Join(t.TempDir(), "keys.json") }},
		{"postgres", func(t *testing.T) string { return pgtest.Fresh(t) }},
	} {
		t.Run(store.name, func(t *testing.T) {
			t.Parallel()
			drill(t, store.spec(t))
		})
	}
}

// tally counts what became of tokens.
type tally struct {
	minted, service, replica, late atomic.Int64 // verified at once by either, and once more at the end of their lives
	failed                         atomic.Int64
}

func (c *tally) String() string {
	return fmt.Sprintf("%d tokens; verified %d times by the sync services and %d by other replicas, %d of them in the last second of their lives; %d failures",
		c.minted.Load(), c.service.Load(), c.replica.Load(), c.late.Load(), c.failed.Load())
}

// drilling is what clients know.
type drilling struct {
	t        *testing.T
	fleet    *fleet
	services []*syncverify.Verifier
	count    *tally
	// wrong hears of a token that failed.
	wrong func(format string, args ...any)
}

func drill(t *testing.T, spec string) {
	f := startFleet(t, spec, 3)
	d := &drilling{t: t, fleet: f, count: &tally{}}
	for range 2 {
		d.services = append(d.services, must(syncverify.New(syncverify.Options{
			Audience: []string{drillAudience}, Scale: drillScale,
			Fetch: func(ctx context.Context) ([]byte, error) {
				_, text, err := f.get(ctx, "/keys", "")
				return []byte(text), err
			},
		})))
	}
	d.wrong = func(format string, args ...any) {
		d.count.failed.Add(1)
		t.Errorf(format, args...)
	}

	// By schedule: the first key is published, signs, is retired and removed, and so is the second one in part.
	stop := d.start()
	first := d.kids()[0]
	second := d.wait("the second key to be published", func(kids []string) bool { return len(kids) == 2 })[1]
	f.kill(0)
	d.wait("the first key to be removed", func(kids []string) bool { return kids[0] == second })
	d.wait("the third key to sign", func(kids []string) bool { return len(kids) > 1 && d.signer() == kids[1] })
	stop()
	t.Logf("two rotations by schedule, one of three replicas killed: %s", d.count)
	if d.count.minted.Load() < 100 || d.count.late.Load() < 20 {
		t.Errorf("that is too few to say anything")
	}

	// In an emergency.
	d.count = &tally{}
	stolen := d.token()
	if kid := kidOf(stolen); kid == first {
		t.Errorf("signed with %s, which is removed", kid)
	}
	_, replaced, err := f.get(t.Context(), "/replace", "")
	if err != nil {
		t.Fatal(err)
	}
	begun, tries := time.Now(), 0
	for !d.refusedEverywhere(stolen) {
		if tries++; time.Since(begun) > time.Minute {
			t.Fatal("a token of a stolen key is still good")
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("a token of the stolen key was good for %s somewhere, which stands for %s", time.Since(begun).Round(time.Millisecond), (time.Since(begun) * drillScale).Round(time.Second))
	stop = d.start()
	d.wait("the new key to be followed by another", func(kids []string) bool { return len(kids) > 1 && kids[0] == replaced })
	stop()
	t.Logf("after the emergency: %s", d.count)
}

// start has the clients work until the returned function is called, which waits for them.
func (d *drilling) start() (stop func()) {
	ctx, cancel := context.WithCancel(d.t.Context())
	var all sync.WaitGroup
	for i := range drillClients {
		all.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				d.work(ctx, n)
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}
}

// work gets a token and has it verified: by a sync service, by a replica, and by both again shortly before it ends.
func (d *drilling) work(ctx context.Context, n int) {
	token := d.token()
	ends := time.Unix(expiryOf(token), 0)
	service := d.services[n%len(d.services)]
	counts := func() bool { return ctx.Err() == nil && time.Now().Before(ends) } // else this machine was too slow to say anything
	verify := func(when string) {
		if _, err := service.Verify(ctx, token); err != nil && counts() {
			d.wrong("%s, a sync service: %v", when, err)
		}
		d.count.service.Add(1)
		status, text, err := d.fleet.get(ctx, "/verify", token)
		if (err != nil || status != http.StatusOK) && counts() {
			d.wrong("%s, a replica: %d %s, %v", when, status, text, err)
		}
		d.count.replica.Add(1)
	}
	verify("at once")
	if n%10 != 0 {
		return
	}
	time.Sleep(time.Until(ends) - time.Second/2)
	verify("in the last second")
	d.count.late.Add(1)
}

func (d *drilling) token() string {
	status, token, err := d.fleet.get(context.WithoutCancel(d.t.Context()), "/token", "")
	if err != nil || status != http.StatusOK {
		d.wrong("no token: %d %s, %v", status, token, err)
	}
	d.count.minted.Add(1)
	return token
}

// refusedEverywhere reports whether no service and no replica believes a token.
func (d *drilling) refusedEverywhere(token string) bool {
	for _, service := range d.services {
		if _, err := service.Verify(d.t.Context(), token); err == nil {
			return false
		}
	}
	for _, r := range d.fleet.live {
		if status, _, err := r.get(d.t.Context(), "/verify", token); err != nil || status == http.StatusOK {
			return false
		}
	}
	return true
}

// kids are those of the key set that is published now, in its order.
func (d *drilling) kids() []string {
	_, text, err := d.fleet.get(d.t.Context(), "/keys", "")
	var set struct{ Keys []struct{ Kid string } }
	if err == nil {
		err = json.Unmarshal([]byte(text), &set)
	}
	if err != nil || len(set.Keys) == 0 {
		d.t.Fatalf("key set %s, %v", text, err)
	}
	var kids []string
	for _, k := range set.Keys {
		kids = append(kids, k.Kid)
	}
	return kids
}

func (d *drilling) signer() string { return kidOf(d.token()) }

// wait returns the key set, as some replica has it, when it is as it should be.
func (d *drilling) wait(what string, done func(kids []string) bool) []string {
	d.t.Helper()
	for begun := time.Now(); time.Since(begun) < 2*time.Minute; time.Sleep(20 * time.Millisecond) {
		if kids := d.kids(); done(kids) {
			return kids
		}
	}
	d.t.Fatalf("waited in vain for %s", what)
	return nil
}

func kidOf(token string) string {
	var header struct{ Kid string }
	readPart(token, 0, &header)
	return header.Kid
}

func expiryOf(token string) int64 {
	var claims struct{ Exp int64 }
	readPart(token, 1, &claims)
	return claims.Exp
}

func readPart(token string, part int, into any) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return
	}
	if text, err := base64.RawURLEncoding.DecodeString(parts[part]); err == nil {
		_ = json.Unmarshal(text, into)
	}
}
