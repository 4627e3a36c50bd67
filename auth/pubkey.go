package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// key verifies signatures. Its own type and alg decide the algorithms; a token only picks among them.
type key struct {
	kid    string
	algs   []string
	public jwt.VerificationKey
	// id tells keys apart: a digest of everything above.
	id string
}

// Why a key of a set is not used.
var (
	errPrivate = errors.New("has private members; publish and configure public keys only")
	errShared  = errors.New("is a shared secret (oct), which only hs256_secret may hold")
	errUse     = errors.New("is not for signatures (use, key_ops)")
	errType    = errors.New("is of a type that can't verify tokens")
)

const (
	leastRSA = 2048
	mostRSA  = 8192
	hs256    = "HS256"
)

var rsaAlgs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}

// parseSet splits a key set into its keys.
func parseSet(text []byte) ([]json.RawMessage, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New(`not a JSON object {"keys": […]}`)
	}
	if set.Keys == nil {
		return nil, errors.New("has no keys member")
	}
	return set.Keys, nil
}

// parseJWK reads one public key. Certificates in it are not used, and nothing is fetched.
func parseJWK(text []byte) (*key, error) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, errors.New("is not a JSON Web Key")
	}
	if m.KTY == jwkset.KtyOct {
		return nil, errShared
	}
	if m.D+m.P+m.Q+m.DP+m.DQ+m.QI+m.K != "" || m.OTH != nil {
		return nil, errPrivate
	}
	if m.USE != "" && m.USE != jwkset.UseSig || len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify) {
		return nil, errUse
	}
	alg := string(m.ALG)
	m = jwkset.JWKMarshal{KTY: m.KTY, CRV: m.CRV, X: m.X, Y: m.Y, N: m.N, E: m.E, KID: m.KID}
	jwk, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		if errors.Is(err, jwkset.ErrUnsupportedKey) {
			return nil, errType
		}
		return nil, errors.New("is not a valid public key")
	}
	return newKey(m.KID, alg, jwk.Key())
}

// parsePEM reads one public key without kid.
func parsePEM(text string) (*key, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("is not one PEM block")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, errors.New("is not a PUBLIC KEY")
	}
	if err != nil {
		return nil, errors.New("is not a readable PUBLIC KEY")
	}
	return newKey("", "", public)
}

// newKey makes a key of a public key, for alg or, when that is empty, for every algorithm of its type.
func newKey(kid, alg string, public any) (*key, error) {
	algs, err := algorithms(public)
	if err != nil {
		return nil, err
	}
	if alg == "Ed25519" { // RFC 9864 names the curve; tokens still say EdDSA.
		alg = "EdDSA"
	}
	if alg != "" {
		if !slices.Contains(algs, alg) {
			return nil, errors.New("has an alg that its type can't verify")
		}
		algs = []string{alg}
	}
	thumb, err := thumbprint(public)
	if err != nil {
		return nil, err
	}
	return &key{kid: kid, algs: algs, public: public, id: fmt.Sprintf("%q %q %s", kid, algs, thumb)}, nil
}

func algorithms(public any) ([]string, error) {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if bits := p.N.BitLen(); bits < leastRSA || bits > mostRSA {
			return nil, fmt.Errorf("is an RSA key of %d bits, not %d to %d", bits, leastRSA, mostRSA)
		}
		if p.E < 3 || p.E%2 == 0 {
			return nil, errors.New("is an RSA key with an unsafe exponent")
		}
		return rsaAlgs, nil
	case *ecdsa.PublicKey:
		switch p.Curve.Params().BitSize {
		case 256:
			return []string{"ES256"}, nil
		case 384:
			return []string{"ES384"}, nil
		case 521:
			return []string{"ES512"}, nil
		}
	case ed25519.PublicKey:
		if isSmallOrder(p) {
			return nil, errors.New("is an Ed25519 key for which anybody can sign")
		}
		return []string{"EdDSA"}, nil
	}
	return nil, errType
}

// smallOrder are the points of Ed25519 that go round in at most eight steps, so that signatures can be made without a private
// key: the y coordinates, in hexadecimal, in every encoding that is read. The one of only zeros is what a placeholder looks like.
var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

func isSmallOrder(p ed25519.PublicKey) bool {
	y := bytes.Clone(p)
	y[len(y)-1] &= 0x7f // without the sign of x
	return slices.Contains(smallOrder, hex.EncodeToString(y))
}

// sharedKeys makes the keys of a shared secret: as written, and decoded where it reads as base64.
func sharedKeys(secret Secret) ([]*key, error) {
	text := secret.Reveal()
	if strings.Contains(text, "-----BEGIN") {
		return nil, errors.New("is a PEM block, not a shared secret") // Anybody may know a public key.
	}
	var keys []*key
	add := func(form string, value []byte) {
		if len(value) >= leastSecret {
			keys = append(keys, &key{algs: []string{hs256}, public: value, id: fmt.Sprintf("HS256 %s %x", form, digest(value))})
		}
	}
	add("raw", []byte(text))
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if value, err := enc.DecodeString(text); err == nil {
			add("decoded", value)
			break
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("shorter than %d bytes", leastSecret)
	}
	return keys, nil
}

// isPublicAlg reports whether an algorithm is verified with a public key, which is what a fetched set can hold.
func isPublicAlg(alg string) bool {
	switch alg {
	case "ES256", "ES384", "ES512", "EdDSA":
		return true
	}
	return slices.Contains(rsaAlgs, alg)
}
