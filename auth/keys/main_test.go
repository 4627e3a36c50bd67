package keys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"writegate/auth"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(replicaEnv); spec != "" {
		if err := runReplica(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var secret = auth.NewSecret(strings.Repeat("0123456789abcdef", 2))

// shaky is a store that a test takes away.
type shaky struct {
	inMemory
	away atomic.Bool
}

var errAway = errors.New("the store is away")

func (s *shaky) Load(ctx context.Context) ([]byte, int64, error) {
	if s.away.Load() {
		return nil, 0, errAway
	}
	return s.inMemory.Load(ctx)
}

func (s *shaky) Swap(ctx context.Context, doc []byte, version int64) (bool, error) {
	if s.away.Load() {
		return false, errAway
	}
	return s.inMemory.Swap(ctx, doc, version)
}

// open opens a set of quick keys with a first one.
func open(t *testing.T, o Options) *Set {
	t.Helper()
	o.Secret = secret
	if o.Algorithm == "" {
		o.Algorithm = "EdDSA"
	}
	s := must(Open(t.Context(), o))
	if err := s.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func mint(t *testing.T, s *Set, ttl time.Duration) string {
	t.Helper()
	return must(s.Mint(auth.MintOptions{Subject: "u1", Audience: []string{"app"}, TTL: ttl}))
}

// states are the states of all keys, in their order.
func states(s *Set) string {
	var all []string
	for _, k := range s.Keys() {
		all = append(all, string(k.State(time.Now())))
	}
	return strings.Join(all, " ")
}
