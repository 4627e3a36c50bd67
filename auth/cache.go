package auth

import (
	"crypto/sha256"
	"sync"
	"time"

	"writegate"
)

// tokenID is the SHA-256 of a token, so that the cache holds nothing that could be replayed.
type tokenID [sha256.Size]byte

func idOf(token string) tokenID { return sha256.Sum256([]byte(token)) }

// cache remembers verified tokens. It has two halves: when the young one is full it becomes the old one,
// and what was in the old one is forgotten unless it was asked for in between.
type cache struct {
	mu         sync.Mutex
	half       int
	young, old map[tokenID]verified
}

type verified struct {
	caller *writegate.Caller
	ring   *keyring
	until  time.Time
}

func newCache(limit int) *cache {
	return &cache{half: max(1, limit/2), young: map[tokenID]verified{}}
}

// get returns the caller of a token that was verified with this very ring and still counts, or nil.
func (c *cache) get(id tokenID, ring *keyring, now time.Time) *writegate.Caller {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.young[id]
	if !ok {
		if v, ok = c.old[id]; !ok {
			return nil
		}
		c.add(id, v)
	}
	if v.ring != ring || !now.Before(v.until) {
		delete(c.young, id)
		delete(c.old, id)
		return nil
	}
	return v.caller
}

func (c *cache) put(id tokenID, ring *keyring, caller *writegate.Caller, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(id, verified{caller, ring, until})
}

func (c *cache) add(id tokenID, v verified) {
	if len(c.young) >= c.half {
		c.old, c.young = c.young, map[tokenID]verified{}
	}
	c.young[id] = v
}
