package auth

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"writegate"
)

func TestCacheIsBounded(t *testing.T) {
	c, ring, caller := newCache(100), newKeyring(), &writegate.Caller{}
	now := time.Now()
	for i := range 10_000 {
		c.put(idOf(fmt.Sprint(i)), ring, caller, now.Add(time.Minute))
		if c.get(idOf("0"), ring, now) == nil && i < 1000 {
			t.Fatalf("what is in use was forgotten after %d", i)
		}
		if held := len(c.young) + len(c.old); held > 100 {
			t.Fatalf("holds %d", held)
		}
	}
	if c.get(idOf("1"), ring, now) != nil {
		t.Error("what was not in use is still there")
	}
	if c.get(idOf("9999"), ring, now) == nil {
		t.Error("the last one is gone")
	}
}

func TestCacheEntryEnds(t *testing.T) {
	c, ring, caller := newCache(100), newKeyring(), &writegate.Caller{}
	now := time.Now()
	id := idOf("token")
	c.put(id, ring, caller, now.Add(time.Minute))
	if c.get(id, ring, now.Add(time.Minute-1)) == nil {
		t.Error("ended early")
	}
	if c.get(id, ring, now.Add(time.Minute)) != nil {
		t.Error("outlived its time")
	}
	c.put(id, ring, caller, now.Add(time.Minute))
	if c.get(id, newKeyring(), now) != nil {
		t.Error("outlived its keys")
	}
}

func TestCachedTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier(t, allKeys())
		token := rs256(good().with(object{"exp": time.Now().Unix() + 30}))
		for range 89 {
			expect(t, v, token, "")
			time.Sleep(time.Second)
		}
		expect(t, v, token, "")
		time.Sleep(time.Second)
		expect(t, v, token, ReasonExpired)
	})
}

func TestRefusalIsNotCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier(t, allKeys())
		token := rs256(good().with(object{"nbf": time.Now().Unix() + 90}))
		expect(t, v, token, ReasonNotYet)
		time.Sleep(31 * time.Second)
		expect(t, v, token, "")
	})
}
