package keys

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"writegate/auth"
)

// format is the number of the form of documents that this program writes and reads.
const format = 1

// document is a plan as it is stored.
type document struct {
	Format int      `json:"writegate_keys"`
	Keys   []record `json:"keys"`
}

// record is a key as it is stored. Everything but Private can be read by anybody who sees the document, and can't be
// changed without the encryption key, since it is what the private half was encrypted with.
type record struct {
	ID        string    `json:"kid"`
	Algorithm string    `json:"alg"`
	Published time.Time `json:"published"`
	Signing   time.Time `json:"signing,omitzero"`
	Retired   time.Time `json:"retired,omitzero"`
	Removed   time.Time `json:"removed,omitzero"`
	Stays     int64     `json:"stays_seconds,omitempty"`
	// Private is the private key in PKCS #8, encrypted with AES-256-GCM. A removed key has none.
	Private []byte `json:"private,omitempty"`
}

var errSealed = errors.New("can't be decrypted: it was encrypted with another encryption_key, which old_encryption_keys may name, or the document was changed by somebody else")

// sealer encrypts private keys with the first of its encryption keys, and decrypts with any.
type sealer []cipher.AEAD

func newSealer(secrets ...auth.Secret) (sealer, error) {
	var s sealer
	for _, secret := range secrets {
		aead, err := newAEAD(secret)
		if err != nil {
			return nil, fmt.Errorf("encryption key: %w", err)
		}
		s = append(s, aead)
	}
	return s, nil
}

// newAEAD derives an encryption key from a secret of any form.
func newAEAD(secret auth.Secret) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, "writegate: private keys at rest", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal writes a plan as a document.
func (s sealer) seal(p plan) ([]byte, error) {
	d := document{Format: format, Keys: make([]record, len(p))}
	for i, k := range p {
		r := record{
			ID: k.ID, Algorithm: k.Algorithm,
			Published: stored(k.Published), Signing: stored(k.Signing), Retired: stored(k.Retired), Removed: stored(k.Removed),
			Stays: int64(k.stays / time.Second),
		}
		if k.private != nil {
			open, err := r.bound()
			if err != nil {
				return nil, err
			}
			private, err := k.private.PKCS8()
			if err != nil {
				return nil, err
			}
			r.Private = s[0].Seal(nil, nil, private, open)
		}
		d.Keys[i] = r
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode keys: %w", err)
	}
	return append(text, '\n'), nil
}

// open reads a document. No text at all is a plan without keys.
func (s sealer) open(text []byte) (plan, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var d document
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	err := dec.Decode(&d)
	if d.Format > format {
		return nil, fmt.Errorf("the keys are in form %d, and this program knows form %d only", d.Format, format)
	}
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows it")
		}
	}
	if err != nil || d.Format != format {
		return nil, errors.New("not a document of keys")
	}
	p := make(plan, len(d.Keys))
	for i, r := range d.Keys {
		if p[i], err = s.read(r); err != nil {
			return nil, fmt.Errorf("key %s: %w", r.ID, err)
		}
		if p[:i].find(r.ID) != nil {
			return nil, fmt.Errorf("key %s: is there twice", r.ID)
		}
	}
	return p.sorted(), nil
}

func (s sealer) read(r record) (held, error) {
	k := held{Key: Key{ID: r.ID, Algorithm: r.Algorithm, Published: r.Published, Signing: r.Signing, Retired: r.Retired, Removed: r.Removed}}
	if len(r.Private) == 0 {
		if r.Removed.IsZero() {
			return k, errors.New("has no private half, and is not removed")
		}
		k.Gone = true
		return k, nil
	}
	k.stays = time.Duration(r.Stays) * time.Second
	open, err := r.bound()
	if err != nil {
		return k, err
	}
	for i, aead := range s {
		if private, err := aead.Open(nil, nil, r.Private, open); err == nil {
			k.stale = i > 0
			k.private, err = auth.ReadPKCS8(private, r.ID, r.Algorithm)
			return k, err
		}
	}
	return k, errSealed
}

// bound is what a private half is bound to: all else of its record.
func (r record) bound() ([]byte, error) {
	r.Private = nil
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return text, nil
}

// stored is a time as documents have it.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}
