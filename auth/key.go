package auth

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/golang-jwt/jwt/v5"

	"writegate/internal/files"
)

// Key is a signing key of our own. It never changes.
type Key struct {
	// A function, since fmt prints no more of one than its address, even of an unexported field.
	private func() crypto.Signer
	method  jwt.SigningMethod
	kid     string
}

const maxKeyFile = 64 << 10

// LoadOrCreateKey reads a private key from a file, a PEM block "PRIVATE KEY" (PKCS #8): RSA of 2048 bits or
// more, P-256, P-384, P-521 or Ed25519. If there is no such file, it makes an RSA key of 2048 bits, which
// every consumer of tokens accepts, and writes it with mode 0600, all or nothing: of processes that start
// at once, one makes the key and all use it. A file that others may read is refused. Errors name the path,
// so they are for the operator only.
func LoadOrCreateKey(path string) (*Key, error) {
	k, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := createKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create key: %w", err)
	}
	return loadKey(path)
}

func loadKey(path string) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	defer f.Close()
	if err := files.CheckSecret(f); err != nil {
		return nil, fmt.Errorf("load key: %s %w", path, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	k, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("load key: %s: %w", path, err)
	}
	return k, nil
}

// parseKey reads a private key as it stands in a key file; its errors carry nothing of it.
func parseKey(text []byte) (*Key, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New(`not a PEM block "PRIVATE KEY"`)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("not a readable PKCS #8 key")
	}
	return newSigningKey(parsed, "", "")
}

// newSigningKey makes a key of a private one. An empty kid is its thumbprint, and an empty alg the first of its type.
func newSigningKey(parsed any, kid, alg string) (*Key, error) {
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("not a key that signs")
	}
	public := private.Public()
	algs, err := algorithms(public)
	if err != nil {
		return nil, fmt.Errorf("the key %w", err)
	}
	if alg == "" {
		alg = algs[0]
	}
	if !slices.Contains(algs, alg) {
		return nil, errors.New("the key has an alg that its type can't sign with")
	}
	if kid == "" {
		if kid, err = thumbprint(public); err != nil {
			return nil, err
		}
	}
	return &Key{private: func() crypto.Signer { return private }, method: jwt.GetSigningMethod(alg), kid: kid}, nil
}

// createKey writes a new key to a file that must not exist. The key becomes visible under its name only
// when it is whole; a name that is taken by then is [fs.ErrExist].
func createKey(path string) error {
	k, err := GenerateKey("RS256")
	if err != nil {
		return err
	}
	der, err := k.PKCS8()
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".key-*") // Mode 0600.
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = errors.Join(pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil { // Unlike a rename, it never replaces.
		return err
	}
	return files.SyncFolder(dir)
}

// ID returns the key's kid: its RFC 7638 thumbprint, unless it came with another one.
func (k *Key) ID() string { return k.kid }

// Algorithm returns what the key signs with, such as RS256.
func (k *Key) Algorithm() string { return k.method.Alg() }

// String names the key by its kid.
func (k *Key) String() string { return "key " + k.kid }

// PublicJWKS returns the key set that verifies the key's tokens, as JSON: public members, kid, alg and
// use. It fits [Options.JWKS], so that own tokens are verified without any network.
func (k *Key) PublicJWKS() ([]byte, error) {
	set, err := NewPublicSet(k)
	if err != nil {
		return nil, err
	}
	return set.JWKS(), nil
}
