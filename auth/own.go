package auth

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/MicahParks/jwkset"
)

// OwnKeys are keys of our own that change while tokens are verified with them, without any network.
type OwnKeys interface {
	// Public returns the keys that are in force now. It is asked for every token, so it waits for nothing, and it
	// returns the same pointer until the keys change.
	Public() *PublicSet
	// Refresh looks whether the keys have changed in another process. A token with a kid that is not among them asks for
	// it, so the limit on how often it really looks is its own. An error means that it could not look: the token's key
	// may be one that can't be seen now.
	Refresh(ctx context.Context) error
}

// PublicSet is the public half of some keys of our own. It never changes.
type PublicSet struct {
	jwks []byte
	keys []*key
}

// NewPublicSet makes a set of keys, in their order.
func NewPublicSet(own ...*Key) (*PublicSet, error) {
	set := &PublicSet{keys: make([]*key, len(own))}
	published := jwkset.JWKSMarshal{Keys: make([]jwkset.JWKMarshal, len(own))}
	for i, k := range own {
		public := k.private().Public()
		var err error
		if set.keys[i], err = newKey(k.kid, k.Algorithm(), public); err != nil {
			return nil, fmt.Errorf("%s %w", k, err)
		}
		if published.Keys[i], err = marshalPublic(public, k.kid, k.Algorithm()); err != nil {
			return nil, err
		}
	}
	var err error
	if set.jwks, err = json.Marshal(published); err != nil {
		return nil, fmt.Errorf("encode key set: %w", err)
	}
	return set, nil
}

// JWKS returns the set as JSON, for others to verify with: public members, kid, alg and use. It is not to be changed.
func (s *PublicSet) JWKS() []byte { return s.jwks }
