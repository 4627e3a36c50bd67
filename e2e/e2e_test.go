// Package e2e drives the real PowerSync client, the one from npm, against the real binary.
package e2e

import (
	"crypto/rand"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// buildDir is where the binary is built, for as long as the tests run.
var buildDir string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "writegate-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	buildDir = dir
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// styles are the ways in which connectors talk to a backend, see testdata/e2e/connectors.mjs.
var styles = []struct {
	name       string
	noAuth     bool  // its published connectors send no token
	lose       int64 // which answers a lossy network loses, every so many
	everywhere bool  // tried on every database
}{
	{"demo", true, 3, false},
	// It sends a transaction of three operations in three requests and begins again after a loss: with every
	// third answer lost it would never come to the end.
	{"perop", true, 4, true},
	{"batch", true, 3, false},
	{"tojson", false, 3, false},
	{"vendor", false, 3, true},
	{"identity", false, 3, true},
	{"typescript", false, 3, true},
}

// TestRoundtrip lets two devices write through every style of connector, once over a sound network and once
// over one that loses answers after the server has committed.
func TestRoundtrip(t *testing.T) {
	node := needNode(t)
	for _, db := range targets {
		t.Run(db.name, func(t *testing.T) {
			database := db.open(t)
			gates := map[bool]*daemon{
				false: startDev(t, database.source),
				true:  startDev(t, database.source, "--no-auth"),
			}
			for _, style := range styles {
				if !style.everywhere && !db.allStyles {
					continue
				}
				for _, every := range []int64{0, style.lose} {
					t.Run(fmt.Sprintf("%s/lose=%d", style.name, every), func(t *testing.T) {
						gate := gates[style.noAuth]
						proxy := newFaultProxy(t, gate.URL, every)
						user := newUser()
						res := node.roundtrip(t, script{
							Style: style.name, Sync: gate.URL, Upload: proxy.URL, Token: gate.token(t, user), User: user,
						})
						if diff := cmp.Diff(res.onDevice(), database.rows(t)); diff != "" {
							t.Errorf("devices and database differ (-devices +database):\n%s", diff)
						}
						if style.name == "typescript" && len(res.Fatal) != 1 {
							t.Errorf("the app was told of these refusals: %q", res.Fatal)
						}
						if lost := proxy.lost.Load(); int64(len(res.Errors)) != lost || every > 0 && lost == 0 {
							t.Errorf("%d answers lost, the connectors met %q", lost, res.Errors)
						}
					})
				}
			}
		})
	}
}

// TestEveryEffectOnce counts, by a trigger in the database, how often each operation took effect while
// answers got lost: with identity once, whatever shares a request with what.
func TestEveryEffectOnce(t *testing.T) {
	node := needNode(t)
	for _, db := range targets {
		t.Run(db.name, func(t *testing.T) {
			database := db.open(t)
			if database.docs != nil {
				t.Skip("MongoDB has no triggers to count effects with")
			}
			gate := startDev(t, database.source)
			for _, tc := range []struct {
				style      string
				identified bool
			}{
				{"identity", true},
				{"typescript", true},
				{"vendor", false},
			} {
				t.Run(tc.style, func(t *testing.T) {
					proxy := newFaultProxy(t, gate.URL, 3)
					user := newUser()
					res := node.effects(t, script{
						Style: tc.style, Sync: gate.URL, Upload: proxy.URL, Token: gate.token(t, user), User: user, MaxTransactions: "7",
					})
					if proxy.lost.Load() < 3 {
						t.Errorf("only %d answers lost", proxy.lost.Load())
					}
					seen := database.effects(t, res.Names)
					same := cmp.Equal(res.Effects, seen)
					if tc.identified && !same {
						t.Errorf("effects (-done on the device +seen in the database):\n%s", cmp.Diff(res.Effects, seen))
					}
					// Without identity the same upload has effects again: the test can tell.
					if !tc.identified && same {
						t.Error("an upload without identity had no effect twice; the test proves nothing")
					}
					if diff := cmp.Diff(res.Names, lastNames(res.Effects)); diff != "" {
						t.Errorf("names (-on the device +as it wrote them):\n%s", diff)
					}
				})
			}
		})
	}
}

// lastNames plays effects and returns the names that are left, by list.
func lastNames(effects []effect) map[string]string {
	names := map[string]string{}
	for _, e := range effects {
		if e.Kind == "DELETE" {
			delete(names, e.ID)
		} else {
			names[e.ID] = e.Name
		}
	}
	return names
}

// newUser returns a random UUID, since the tables keep owners as such.
func newUser() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
