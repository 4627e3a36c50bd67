package auth

import (
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// keyring is every key at one instant. It never changes, so that a verified token can name the ring it was
// verified with and count for nothing once another ring is in force.
type keyring struct {
	named map[string][]*key // by kid
	loose []*key            // without kid
	algs  map[string]bool   // of all keys
	own   []*PublicSet      // those of [Options.Own] that are in it
}

func newKeyring(sets ...[]*key) *keyring {
	r := &keyring{named: map[string][]*key{}, algs: map[string]bool{}}
	for _, k := range slices.Concat(sets...) {
		for _, alg := range k.algs {
			r.algs[alg] = true
		}
		if k.kid == "" {
			r.loose = append(r.loose, k)
		} else {
			r.named[k.kid] = append(r.named[k.kid], k)
		}
	}
	return r
}

// find returns the keys to try. A key whose kid matches is the only one, whatever else there is; two
// sources may have given the same kid to different keys. Otherwise it is every key without kid.
func (r *keyring) find(h *header) (keys jwt.VerificationKeySet, named bool) {
	candidates := r.loose
	if h.kid != "" && r.named[h.kid] != nil {
		candidates, named = r.named[h.kid], true
	}
	for _, k := range candidates {
		if slices.Contains(k.algs, h.Alg) {
			keys.Keys = append(keys.Keys, k.public)
		}
	}
	return keys, named
}

// sameKeys reports whether two sets hold the same keys, in whatever order.
func sameKeys(a, b []*key) bool { return slices.Equal(ids(a), ids(b)) }

func ids(keys []*key) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.id
	}
	slices.Sort(all)
	return all
}
