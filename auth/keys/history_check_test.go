package keys

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate/internal/syncverify"
)

// check holds the world against the model.
func (w *world) check() {
	w.checkDocument()
	w.checkTokens()
	settled := time.Since(w.changed) > 40*time.Second
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
		if inTouch := !m.link.away && time.Since(m.back) > 40*time.Second; inTouch && settled {
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
		w.made[k.ID] = k.private
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
