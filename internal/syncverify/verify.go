// Package syncverify judges tokens as the PowerSync sync service does, so that tests can tell whether a token made here
// would open a sync stream. It shares nothing with package auth, whose mistakes it is there to find.
package syncverify

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The codes of the sync service that a token can earn.
const (
	CodeToken     = "PSYNC_S2101" // malformed, no key, key of another algorithm, a claim of the wrong type, not valid yet
	CodeSignature = "PSYNC_S2102" // the key is there and did not sign this
	CodeExpired   = "PSYNC_S2103"
	CodeLifetime  = "PSYNC_S2104" // exp - iat is too much
	CodeAudience  = "PSYNC_S2105"
	CodeKeys      = "PSYNC_S2204" // the key set can't be fetched
)

// The service's own figures.
const (
	clockTolerance = time.Minute
	maxLifetime    = 24 * time.Hour
)

// Options are the client_auth section of the service.
type Options struct {
	// Audience has to overlap with a token's aud. The service refuses every token without one.
	Audience []string
	// JWKS is the inline key set, public keys and shared secrets (oct).
	JWKS []byte
	// Fetch gets the remote key set, as the body of its answer. Nil means that there is none.
	Fetch func(context.Context) ([]byte, error)
	// Scale divides the times of the cache of remote keys: 60 makes five minutes five seconds. Zero means 1.
	Scale int
	// Now is the clock; nil means the machine's.
	Now func() time.Time
}

// Error is a refusal with the service's code.
type Error struct{ Code, Message string }

// Error is the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func refuse(code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Verifier checks tokens. It may be used by many goroutines at once.
type Verifier struct {
	options Options
	inline  []key
	remote  *remote // nil when there is none
}

// New makes a verifier. The error says what is wrong with the inline keys.
func New(o Options) (*Verifier, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &Verifier{options: o}
	if len(o.JWKS) > 0 {
		var err error
		if v.inline, err = readSet(o.JWKS, true); err != nil {
			return nil, err
		}
	}
	if o.Fetch != nil {
		v.remote = newRemote(o.Fetch, o.Now, max(1, o.Scale))
	}
	return v, nil
}

// Verify returns the claims of a good token. The error is an [*Error].
func (v *Verifier) Verify(ctx context.Context, token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	var header struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
	}
	if len(parts) != 3 || decode(parts[0], &header) != nil {
		return nil, refuse(CodeToken, "not a JSON Web Token")
	}
	if _, ok := families[header.Alg]; !ok {
		return nil, refuse(CodeToken, "unsupported algorithm")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, refuse(CodeToken, "the signature is not base64url")
	}
	if err := v.checkSignature(ctx, header.Alg, header.Kid, parts[0]+"."+parts[1], signature); err != nil {
		return nil, err
	}
	var claims map[string]any
	if decode(parts[1], &claims) != nil || claims == nil {
		return nil, refuse(CodeToken, "the claims are not a JSON object")
	}
	return claims, v.checkClaims(claims)
}

// VerifyHeader takes the value of an Authorization header, whose scheme is Token or Bearer.
func (v *Verifier) VerifyHeader(ctx context.Context, header string) (map[string]any, error) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || scheme != "Token" && scheme != "Bearer" {
		return nil, refuse("PSYNC_S2106", "the Authorization header starts with neither Token nor Bearer")
	}
	return v.Verify(ctx, token)
}

func (v *Verifier) checkSignature(ctx context.Context, alg, kid, text string, signature []byte) error {
	keys := v.inline
	if v.remote != nil {
		fetched, err := v.remote.keys(ctx)
		if err != nil && len(keys) == 0 {
			return refuse(CodeKeys, "the key set can't be fetched: %v", err)
		}
		keys = slices.Concat(keys, fetched)
	}
	err := match(keys, alg, kid, text, signature)
	if errors.Is(err, errNoKey) && v.remote != nil && v.remote.again(ctx) {
		fetched, _ := v.remote.keys(ctx)
		err = match(slices.Concat(v.inline, fetched), alg, kid, text, signature)
	}
	return err
}

var errNoKey = refuse(CodeToken, "no key of the set fits the token")

// match finds the key: the one with the token's kid, whatever else there is, or else any without kid.
func match(keys []key, alg, kid, text string, signature []byte) error {
	if i := slices.IndexFunc(keys, func(k key) bool { return kid != "" && k.kid == kid }); i >= 0 {
		switch {
		case !slices.Contains(keys[i].algs, alg):
			return refuse(CodeToken, "the algorithm is not the one of the key")
		case keys[i].verify(alg, text, signature) != nil:
			return refuse(CodeSignature, "the signature does not match")
		}
		return nil
	}
	for _, k := range keys {
		if k.kid == "" && slices.Contains(k.algs, alg) && k.verify(alg, text, signature) == nil {
			return nil
		}
	}
	return errNoKey
}

func (v *Verifier) checkClaims(c map[string]any) error {
	for _, name := range []string{"sub", "iat", "exp"} {
		if c[name] == nil {
			return refuse(CodeToken, "%s is missing", name)
		}
	}
	iat, iatOK := number(c["iat"])
	exp, expOK := number(c["exp"])
	nbf, nbfOK := number(c["nbf"])
	now, tolerance := float64(v.options.Now().Unix()), clockTolerance.Seconds()
	switch {
	case !iatOK || !expOK || !nbfOK && c["nbf"] != nil:
		return refuse(CodeToken, "iat, exp or nbf is not a number")
	case exp <= now-tolerance:
		return refuse(CodeExpired, "the token has expired")
	case nbfOK && nbf > now+tolerance:
		return refuse(CodeToken, "the token is not valid yet")
	case exp-iat > maxLifetime.Seconds():
		return refuse(CodeLifetime, "the token is valid for more than %s", maxLifetime)
	case !slices.ContainsFunc(audiences(c["aud"]), v.accepts):
		return refuse(CodeAudience, "the audience is none of those configured")
	}
	if parameters, given := c["parameters"]; given {
		if _, ok := parameters.(map[string]any); !ok {
			return refuse(CodeToken, "parameters is not an object")
		}
	}
	return nil
}

func (v *Verifier) accepts(audience string) bool {
	return slices.Contains(v.options.Audience, audience)
}

func audiences(aud any) []string {
	switch aud := aud.(type) {
	case string:
		return []string{aud}
	case []any:
		var all []string
		for _, a := range aud {
			if s, ok := a.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

func number(v any) (float64, bool) {
	n, ok := v.(float64)
	return n, ok
}

func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return fmt.Errorf("decode part: %w", err)
	}
	return json.Unmarshal(text, into)
}
