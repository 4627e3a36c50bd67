package auth

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

const vectorsFile = "testdata/vectors.yaml"

// vectorGroup and vector are what vectorsFile holds; its head explains them.
type vectorGroup struct {
	Group  string
	Tokens []vector
}

type vector struct {
	Name           string
	Header, Claims any
	Sign           string
	Token          *string
	Keys, Want     string
}

func readVectors(t *testing.T) []vectorGroup {
	t.Helper()
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var groups []vectorGroup
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&groups); err != nil {
		t.Fatal(err)
	}
	return groups
}

// TestVectors asks for a verdict on each token, on a clock that stands still.
func TestVectors(t *testing.T) {
	known := allKeys()
	known.Issuers = []string{"https://id.example.com", "https://old.example.com"}
	number := 0
	for _, g := range readVectors(t) {
		for _, x := range g.Tokens {
			number++
			t.Run(g.Group+"/"+x.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := known
					if x.Keys == "down" {
						o = (&keyServer{}).options()
						o.Issuers, o.HS256Secrets = known.Issuers, known.HS256Secrets
					}
					v := newVerifier(t, o)
					synctest.Wait()
					caller, err := v.Authenticate(t.Context(), x.token(t))
					if got := reasonOf(t, err); got != x.Want || (caller == nil) != (x.Want != "") {
						t.Errorf("got %q (%v) and caller %v, want %q", got, err, caller, x.Want)
					}
				})
			})
		}
	}
	if number < 120 {
		t.Errorf("only %d tokens", number)
	}
}

// token makes the token of a vector.
func (x vector) token(t *testing.T) string {
	t.Helper()
	ok := rs256(good())
	if x.Token != nil {
		return strings.NewReplacer(
			"$GOOD", ok, "$CUT", ok[:len(ok)-2], "$LOOSE", loosen(ok), "$SWAPPED", swapClaims(ok, good().with(object{"sub": "admin"}).String()),
		).Replace(*x.Token)
	}
	header, claims := x.texts()
	return forge(header, claims, signer(t, x.Sign, header))
}

// texts are the header and the claims as JSON, or as what is meant to pass for it.
func (x vector) texts() (header, claims string) {
	usual := object{"alg": "RS256", "kid": "r1", "typ": "JWT"}
	members := func(o object) string { return strings.Trim(o.String(), "{}") }
	fill := strings.NewReplacer(
		"$HEADER", members(usual), "$CLAIMS", members(good()), "$BYTE", "\xff", "$LONG", strings.Repeat("x", 6<<10), "$DIGITS", strings.Repeat("9", 400),
		"$DEEPER", strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000), "$DEEP", strings.Repeat("[", 100)+strings.Repeat("]", 100),
		`"$EVIL"`, jwk("evil", "RS256", otherRSA().Public()).String(),
	)
	whole := func(differs any, from object) string {
		switch differs := differs.(type) {
		case nil:
			return from.String()
		case string:
			return fill.Replace(differs)
		}
		return fill.Replace(from.with(resolved(differs).(object)).String())
	}
	return whole(x.Header, usual), whole(x.Claims, good())
}

var clock = regexp.MustCompile(`^now(?:[+-][0-9.]+)?$`)

// resolved puts times in the place of their names.
func resolved(value any) any {
	switch value := value.(type) {
	case map[string]any:
		o := object{}
		for name, member := range value {
			o[name] = resolved(member)
		}
		return o
	case []any:
		list := make([]any, len(value))
		for i, member := range value {
			list[i] = resolved(member)
		}
		return list
	case string:
		if value == "<absent>" {
			return absent
		}
		if clock.MatchString(value) {
			offset, _ := strconv.ParseFloat(value[3:], 64)
			return json.Number(strconv.FormatFloat(float64(time.Now().Unix())+offset, 'f', -1, 64))
		}
	}
	return value
}

// signer is what signs by a name such as "RS256 rsa".
func signer(t *testing.T, name, header string) func(string) []byte {
	t.Helper()
	switch name {
	case "":
		name = "RS256 rsa"
	case "none":
		return nil
	case "der-ecdsa":
		return derECDSA
	case "zeros":
		return func(string) []byte { return make([]byte, 64) }
	}
	alg, key, _ := strings.Cut(name, " ")
	if private, ok := signingKeys(header)[key]; ok {
		return with(alg, private)
	}
	t.Fatalf("nobody signs as %q", name)
	return nil
}

func signingKeys(header string) map[string]any {
	der := must(x509.MarshalPKIXPublicKey(rsaKey().Public()))
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	public := jwk("r1", "", rsaKey().Public())
	var h struct{ Kid string }
	_ = json.Unmarshal([]byte(header), &h)
	return map[string]any{
		"rsa": rsaKey(), "other-rsa": otherRSA(), "p256": p256(), "other-p256": otherP256(), "p384": p384(), "p521": p521(), "ed": edKey(),
		"secret": []byte(secret), "guessed": []byte("a secret that somebody guessed, long enough"), "empty": []byte{}, "kid": []byte(h.Kid),
		"pem": text, "pem-trimmed": bytes.TrimSpace(text), "der": der, "modulus": rsaKey().N.Bytes(), "jwk": []byte(public.String()), "n": []byte(public["n"].(string)),
	}
}

const vectorsHead = `# Tokens and their verdicts

<!-- Made from auth/testdata/vectors.yaml; after a change there: go test ./auth -run TestVectorTable -update -->

Every token here is put to the verifier in each run of the tests. It is like this one but for what its row says, and the clock
stands still:

` + "```json" + `
{"alg": "RS256", "kid": "r1", "typ": "JWT"}
{"sub": "user-1", "aud": "https://app.example.com", "iss": "https://id.example.com", "iat": now, "exp": now + 300}
` + "```" + `

The verifier has keys of every type, ` + "`r1`" + ` (RSA, for every algorithm), ` + "`rs`" + ` (RSA, for RS256), ` + "`e2`, `e3`, `e5`" + ` (P-256, P-384,
P-521), ` + "`ed`" + ` (Ed25519), a P-256 key without ` + "`kid`" + ` and a shared secret, two audiences and two issuers. What a refusal is
called is explained in [auth.md](auth.md#refusals); all are answered 401 but ` + "`token.keys_unavailable`" + `, which is 503.
`

// TestVectorTable makes docs/token-vectors.md from the vectors.
func TestVectorTable(t *testing.T) {
	var out strings.Builder
	out.WriteString(vectorsHead)
	for _, g := range readVectors(t) {
		fmt.Fprintf(&out, "\n## %s\n\n| token | differs by | verdict |\n|---|---|---|\n", g.Group)
		for _, x := range g.Tokens {
			verdict := "accepted"
			if x.Want != "" {
				verdict = "`" + x.Want + "`"
			}
			fmt.Fprintf(&out, "| %s | %s | %s |\n", cell(x.Name), x.differs(), verdict)
		}
	}
	const file = "../docs/token-vectors.md"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), out.String()); diff != "" {
		t.Errorf("%s differs (-file +now); accept with -update:\n%s", file, diff)
	}
}

// differs says in a cell what the vector's file says.
func (x vector) differs() string {
	var parts []string
	add := func(what, value string) { parts = append(parts, strings.TrimSpace(what+" `"+cell(value)+"`")) }
	describe := func(what string, differs any) {
		switch differs := differs.(type) {
		case nil:
		case string:
			add(what, differs)
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(differs)) {
				add("", name+": "+fmt.Sprint(differs[name]))
			}
		}
	}
	describe("header", x.Header)
	describe("claims", x.Claims)
	if x.Token != nil {
		add("", *x.Token)
	}
	if x.Sign != "" {
		add("signed", x.Sign)
	}
	return strings.Join(parts, ", ")
}

// cell keeps a text from ending its cell, and shows what can't be seen.
func cell(text string) string {
	quoted := strconv.QuoteToGraphic(text)
	return strings.NewReplacer("|", `\|`, "`", "'", `\"`, `"`, `\\`, `\`).Replace(quoted[1 : len(quoted)-1])
}
