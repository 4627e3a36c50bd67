package keys

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"writegate"
	"writegate/appliers"
	"writegate/auth"
)

// drillScale makes the times of the drill so many times shorter than those of the defaults.
const drillScale = 150

const (
	drillTTL      = 4 * time.Second // 10 minutes
	drillAudience = "https://sync.example.com"
	replicaEnv    = "WRITEGATE_KEYS_REPLICA" // file:PATH or a postgres address: this process is a replica
)

func drillOptions(store Store) Options {
	return Options{
		Store: store, Secret: secret, RotateEvery: 25 * time.Minute / drillScale, PublishFor: 10 * time.Minute / drillScale,
		MaxTTL: drillTTL, Leeway: time.Minute / drillScale, Margin: 5 * time.Minute / drillScale,
		LookEvery: 30 * time.Second / drillScale, LookAgain: 5 * time.Second / drillScale,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
}

// drillStore opens the store that replicas share.
func drillStore(ctx context.Context, spec string) (Store, func(), error) {
	if path, ok := strings.CutPrefix(spec, "file:"); ok {
		return InFile(path), func() {}, nil
	}
	db, err := appliers.Open(ctx, "postgres", appliers.Config{DSN: spec, MaxConns: 2})
	if err != nil {
		return nil, nil, err
	}
	return OnShelf(writegate.ShelfOf(db), "keys"), func() { _ = db.Close() }, nil
}

// runReplica serves keys and tokens until its input ends or it is killed. The first line of its output is its address.
func runReplica(spec string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store, closeStore, err := drillStore(ctx, spec)
	if err != nil {
		return err
	}
	defer closeStore()
	set, err := Open(ctx, drillOptions(store))
	if err != nil {
		return err
	}
	if err := set.Advance(ctx); err != nil {
		return err
	}
	go set.Run(ctx)
	v, err := auth.NewVerifier(ctx, auth.Options{Audiences: []string{drillAudience}, Own: []auth.OwnKeys{set}})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	answer := func(path string, fn func(r *http.Request) (string, error)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			text, err := fn(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_, _ = io.WriteString(w, text)
		})
	}
	answer("/keys", func(*http.Request) (string, error) { return string(set.PublicJWKS()), nil })
	answer("/token", func(*http.Request) (string, error) {
		return set.Mint(auth.MintOptions{Subject: "u1", Audience: []string{drillAudience}, TTL: drillTTL})
	})
	answer("/verify", func(r *http.Request) (string, error) {
		_, err := v.Authenticate(r.Context(), r.Header.Get("Authorization"))
		return "", err
	})
	answer("/replace", func(r *http.Request) (string, error) {
		k, err := set.Replace(r.Context(), "")
		return k.ID, err
	})
	fmt.Println("http://" + l.Addr().String())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
		_ = l.Close()
	}()
	_ = http.Serve(l, mux) //nolint:gosec // it is a test
	return nil
}

// fleet is replicas, each a process of its own, behind an address that picks one that is alive.
type fleet struct {
	t    *testing.T
	mu   sync.Mutex
	live []*replica
	next atomic.Int64
}

type replica struct {
	url string
	cmd *exec.Cmd
}

func startFleet(t *testing.T, spec string, n int) *fleet {
	t.Helper()
	f := &fleet{t: t}
	for range n {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), replicaEnv+"="+spec)
		cmd.Stderr = os.Stderr
		in := must(cmd.StdinPipe())
		out := must(cmd.StdoutPipe())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = in.Close()
			_ = cmd.Wait()
		})
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatalf("the replica does not start: %v", err)
		}
		f.live = append(f.live, &replica{strings.TrimSpace(line), cmd})
	}
	return f
}

// kill ends a replica as a power cut does.
func (f *fleet) kill(i int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.live[i].cmd.Process.Kill()
	f.live = append(f.live[:i:i], f.live[i+1:]...)
}

func (f *fleet) any() *replica {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.live[int(f.next.Add(1))%len(f.live)]
}

// get asks a replica, and another one where that is dead.
func (f *fleet) get(ctx context.Context, path, token string) (int, string, error) {
	for {
		r := f.any()
		status, text, err := r.get(ctx, path, token)
		f.mu.Lock()
		alive := false
		for _, other := range f.live {
			alive = alive || other == r
		}
		f.mu.Unlock()
		if err == nil || alive || ctx.Err() != nil {
			return status, text, err
		}
	}
}

func (r *replica) get(ctx context.Context, path, token string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}
