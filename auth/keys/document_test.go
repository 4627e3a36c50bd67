package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate/auth"
)

func sealed(t *testing.T) (sealer, plan, []byte) {
	t.Helper()
	s := must(newSealer(secret))
	p := must(plan(nil).add(newKey(), turn, t0, false))
	p = must(p.replace(newKey(), turn, at(1)))
	p, _ = p.tidy(turn, at(2))
	p = must(p.add(must(auth.GenerateKey("ES384")), turn, at(3), false))
	return s, p, must(s.seal(p))
}

func TestSeal(t *testing.T) {
	s, p, text := sealed(t)
	again, err := s.open(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.public(), again.public()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(string(must(auth.NewPublicSet(p.visible(at(3))...)).JWKS()), string(must(auth.NewPublicSet(again.visible(at(3))...)).JWKS())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, k := range p {
		if k.private == nil {
			continue
		}
		der := must(k.private.PKCS8())
		if bytes.Contains(text, der) || strings.Contains(string(text), base64.StdEncoding.EncodeToString(der)[:40]) {
			t.Error("a private key stands in the document")
		}
	}
	if p, err := s.open(nil); p != nil || err != nil {
		t.Errorf("no document: %v, %v", p, err)
	}
}

// TestTampering has somebody change the document who has no encryption key.
func TestTampering(t *testing.T) {
	s, p, text := sealed(t)
	change := func(fn func(keys []map[string]any) []map[string]any) string {
		var d map[string]any
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		var keys []map[string]any
		for _, k := range d["keys"].([]any) {
			keys = append(keys, k.(map[string]any))
		}
		d["keys"] = fn(keys)
		return string(must(json.Marshal(d)))
	}
	set := func(key int, name string, value any) string {
		return change(func(keys []map[string]any) []map[string]any {
			if keys[key][name] = value; value == nil {
				delete(keys[key], name)
			}
			return keys
		})
	}
	other := must(must(newSealer(auth.NewSecret(strings.Repeat("x", 40)))).seal(p))
	for name, tt := range map[string]struct{ text, want string }{
		"later":              {set(1, "removed", at(9999)), "can't be decrypted"},
		"never removed":      {set(1, "removed", nil), "can't be decrypted"},
		"signs earlier":      {set(2, "signing", t0), "can't be decrypted"},
		"another id":         {set(1, "kid", "mine"), "can't be decrypted"},
		"another alg":        {set(1, "alg", "ES256"), "can't be decrypted"},
		"another offset":     {set(1, "published", at(1).In(time.FixedZone("", 3600))), "can't be decrypted"},
		"no private half":    {set(2, "private", nil), "has no private half"},
		"back from the dead": {set(0, "removed", nil), "has no private half"},
		"swapped": {change(func(keys []map[string]any) []map[string]any {
			keys[1]["private"], keys[2]["private"] = keys[2]["private"], keys[1]["private"]
			return keys
		}), "can't be decrypted"},
		"twice":                  {change(func(keys []map[string]any) []map[string]any { return append(keys, keys[1]) }), "twice"},
		"another encryption key": {string(other), "can't be decrypted"},
		"unknown member":         {set(1, "trusted", true), "not a document"},
		"of a newer program":     {`{"writegate_keys": 2, "rings": []}`, "form 2"},
		"something else":         {`{}`, "not a document"},
		"more behind it":         {string(text) + "{}", "not a document"},
		"cut off":                {string(text[:len(text)/2]), "not a document"},
	} {
		if p, err := s.open([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v, want %q", name, p.public(), err, tt.want)
		}
	}
	// One that says it is removed, and is not yet, is of no use to anybody.
	ahead := change(func(keys []map[string]any) []map[string]any {
		keys[0]["removed"] = at(9999)
		return keys
	})
	early := must(s.open([]byte(ahead)))
	if got := len(early.visible(at(3))); got != 2 {
		t.Errorf("%d keys are visible", got)
	}
}

func FuzzOpen(f *testing.F) {
	s := must(newSealer(secret))
	f.Add(must(s.seal(must(plan(nil).add(newKey(), turn, t0, false)))))
	f.Add([]byte(`{"writegate_keys":1,"keys":[{"kid":"a","removed":"2020-01-01T00:00:00Z"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := s.open(text)
		if err != nil {
			return
		}
		if _, err := s.seal(p); err != nil {
			t.Error(err)
		}
		must(auth.NewPublicSet(p.visible(t0)...))
		p.signer(t0)
		p.rotateDue(turn, t0)
		p.tidy(turn, t0)
	})
}
