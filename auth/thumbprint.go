package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/MicahParks/jwkset"
)

// thumbprint returns the RFC 7638 thumbprint of a public key: SHA-256 over its required members, base64url.
func thumbprint(public any) (string, error) {
	m, err := marshalPublic(public, "", "")
	if err != nil {
		return "", err
	}
	// The members that the standard hashes, in its order; a key type has only some of them.
	members, err := json.Marshal(struct {
		Curve string `json:"crv,omitempty"`
		E     string `json:"e,omitempty"`
		Type  string `json:"kty"`
		N     string `json:"n,omitempty"`
		X     string `json:"x,omitempty"`
		Y     string `json:"y,omitempty"`
	}{string(m.CRV), m.E, string(m.KTY), m.N, m.X, m.Y})
	if err != nil {
		return "", fmt.Errorf("hash public key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(digest(members)), nil
}

// marshalPublic makes the JSON Web Key of a public key.
func marshalPublic(public any, kid, alg string) (jwkset.JWKMarshal, error) {
	jwk, err := jwkset.NewJWKFromKey(public, jwkset.JWKOptions{
		Metadata: jwkset.JWKMetadataOptions{KID: kid, ALG: jwkset.ALG(alg), USE: jwkset.UseSig},
	})
	if err != nil {
		return jwkset.JWKMarshal{}, fmt.Errorf("encode public key: %w", err)
	}
	return jwk.Marshal(), nil
}

func digest(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}
