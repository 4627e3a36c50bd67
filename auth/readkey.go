package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/MicahParks/jwkset"
)

// KeyAlgorithms are what [GenerateKey] makes keys for, the default first.
func KeyAlgorithms() []string { return []string{"RS256", "ES256", "ES384", "EdDSA"} }

// GenerateKey makes a new key for one of [KeyAlgorithms]; RSA keys have 2048 bits.
func GenerateKey(alg string) (*Key, error) {
	var private crypto.Signer
	var err error
	switch alg {
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, leastRSA)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, fmt.Errorf("no key can be made for algorithm %q; take one of %s", alg, strings.Join(KeyAlgorithms(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return newSigningKey(private, "", "")
}

// ReadKey reads a private key in any form that is common: a PEM block (PKCS #8, RSA or EC), a JSON Web Key, or the
// base64 of one, as in the variable POWERSYNC_PRIVATE_KEY. A JSON Web Key keeps its kid and alg. Errors carry nothing of
// the key.
func ReadKey(text []byte) (*Key, error) {
	text = bytes.TrimSpace(text)
	switch {
	case bytes.HasPrefix(text, []byte("-----BEGIN")):
		return readPEM(text)
	case bytes.HasPrefix(text, []byte("{")):
		return readJWK(text)
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if plain, err := enc.DecodeString(string(text)); err == nil && bytes.HasPrefix(bytes.TrimSpace(plain), []byte("{")) {
			return readJWK(plain)
		}
	}
	return nil, errors.New("neither a PEM block, nor a JSON Web Key, nor the base64 of one")
}

func readPEM(text []byte) (*Key, error) {
	block, rest := pem.Decode(text)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("not one PEM block")
	}
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, errors.New("not a PEM block of a private key without a password")
	}
	if err != nil {
		return nil, errors.New("not a readable private key")
	}
	return newSigningKey(private, "", "")
}

func readJWK(text []byte) (*Key, error) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, errors.New("not a JSON Web Key")
	}
	switch {
	case m.KTY == jwkset.KtyOct:
		return nil, errors.New("a shared secret (oct), which can't be published")
	case m.D == "":
		return nil, errors.New("a public key; the private one is needed")
	case m.USE != "" && m.USE != jwkset.UseSig || len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsSign):
		return nil, errors.New("a key that is not for signatures (use, key_ops)")
	case !saneKeyID(m.KID):
		return nil, errors.New("a key whose kid is longer than 200 bytes or not printable ASCII")
	}
	kid, alg := m.KID, string(m.ALG)
	if alg == "Ed25519" {
		alg = "EdDSA"
	}
	m = jwkset.JWKMarshal{KTY: m.KTY, CRV: m.CRV, X: m.X, Y: m.Y, N: m.N, E: m.E, D: m.D, P: m.P, Q: m.Q, DP: m.DP, DQ: m.DQ, QI: m.QI}
	jwk, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
	if err != nil {
		return nil, errors.New("not a valid private key")
	}
	// What PKCS #8 gives back has its public half from its private one, whatever the members said.
	k, err := newSigningKey(jwk.Key(), kid, alg)
	if err != nil {
		return nil, err
	}
	der, err := k.PKCS8()
	if err != nil {
		return nil, errors.New("not a valid private key")
	}
	again, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("not a valid private key")
	}
	own, ok := k.private().Public().(interface{ Equal(x crypto.PublicKey) bool })
	if signer, signs := again.(crypto.Signer); !ok || !signs || !own.Equal(signer.Public()) {
		return nil, errors.New("a private key whose public members are those of another one")
	}
	return k, nil
}

// saneKeyID bounds what becomes part of every token's header.
func saneKeyID(kid string) bool {
	return len(kid) <= 200 && !strings.ContainsFunc(kid, func(r rune) bool { return r < ' ' || r > '~' })
}

// ReadPKCS8 reads what [Key.PKCS8] wrote, of a key with that kid and algorithm.
func ReadPKCS8(der []byte, kid, alg string) (*Key, error) {
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("not a readable PKCS #8 key")
	}
	return newSigningKey(private, kid, alg)
}

// PKCS8 returns the private key itself in DER, for whoever keeps it safe.
func (k *Key) PKCS8() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private())
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return der, nil
}
