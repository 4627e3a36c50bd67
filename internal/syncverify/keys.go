package syncverify

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// families are the algorithms of the service, with the kty that verifies each.
var families = map[string]string{
	"HS256": "oct", "HS384": "oct", "HS512": "oct",
	"RS256": "RSA", "RS384": "RSA", "RS512": "RSA",
	"ES256": "EC", "ES384": "EC", "ES512": "EC",
	"EdDSA": "OKP",
}

type key struct {
	kid    string
	algs   []string
	public any
}

func (k key) verify(alg, text string, signature []byte) error {
	return jwt.GetSigningMethod(alg).Verify(text, signature, k.public)
}

// readSet reads a key set. Of a remote one, shared secrets and keys for other uses are left out; one key that can't be
// read spoils all of it.
func readSet(body []byte, inline bool) ([]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return nil, errors.New("invalid JWKS response")
	}
	var keys []key
	for i, text := range set.Keys {
		var m jwkset.JWKMarshal
		if err := json.Unmarshal(text, &m); err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
		usable := (m.USE == "" || m.USE == jwkset.UseSig) && (len(m.KEYOPS) == 0 || slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify))
		known := slices.Contains([]jwkset.KTY{jwkset.KtyRSA, jwkset.KtyEC, jwkset.KtyOKP}, m.KTY) || inline && m.KTY == jwkset.KtyOct
		if !usable || !known {
			continue
		}
		jwk, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{Private: inline}, jwkset.JWKValidateOptions{})
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
		keys = append(keys, key{kid: m.KID, algs: algorithms(m), public: jwk.Key()})
	}
	return keys, nil
}

// algorithms are the one that the key names, or every one of its kty.
func algorithms(m jwkset.JWKMarshal) []string {
	if m.ALG != "" {
		return []string{string(m.ALG)}
	}
	var algs []string
	for alg, kty := range families {
		if kty == string(m.KTY) {
			algs = append(algs, alg)
		}
	}
	return algs
}
