package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MaxTTL is the longest life of a token that [Key.Mint] makes; the sync service accepts no longer one.
const MaxTTL = 24 * time.Hour

// MintOptions say what a token says.
type MintOptions struct {
	// Subject is sub, the user's id. Required.
	Subject string
	// Audience is aud: where the token may be used. At least one; always written as a list.
	Audience []string
	// Issuer is iss, left out when empty.
	Issuer string
	// TTL is exp - iat in whole seconds, from 1 s to [MaxTTL].
	TTL time.Duration
	// Claims are added as they are. Those that the fields above decide (iss, sub, aud, exp, nbf, iat) are refused, and so is
	// a parameters that is no object, with which the sync service takes no token.
	Claims map[string]any
	// Now is iat; the zero time means now.
	Now time.Time
}

var reserved = []string{"iss", "sub", "aud", "exp", "nbf", "iat"}

// Mint makes a signed token, with kid in its header. The error lists everything that is wrong with the options.
func (k *Key) Mint(o MintOptions) (string, error) { return o.sign(k.method, k.private(), k.kid) }

// MintHS256 makes a token as [Key.Mint] does, signed with a shared secret as it is written. An empty kid is left out.
func MintHS256(secret Secret, kid string, o MintOptions) (string, error) {
	return o.sign(jwt.SigningMethodHS256, []byte(secret.Reveal()), kid)
}

func (o MintOptions) sign(method jwt.SigningMethod, key any, kid string) (string, error) {
	if err := o.faults(); err != nil {
		return "", err
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	claims := jwt.MapClaims{}
	maps.Copy(claims, o.Claims)
	claims["sub"] = o.Subject
	claims["aud"] = o.Audience
	claims["iat"] = o.Now.Unix()
	claims["exp"] = o.Now.Unix() + int64(o.TTL/time.Second)
	if o.Issuer != "" {
		claims["iss"] = o.Issuer
	}
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	signed, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	if len(signed) > MaxToken {
		return "", fmt.Errorf("mint token: longer than %d bytes", MaxToken)
	}
	return signed, nil
}

// faults says everything that is wrong with the options, nil where it is nothing.
func (o MintOptions) faults() error {
	var errs []error
	if strings.TrimSpace(o.Subject) == "" {
		errs = append(errs, errors.New("subject is blank"))
	}
	if len(o.Audience) == 0 || slices.ContainsFunc(o.Audience, func(a string) bool { return strings.TrimSpace(a) == "" }) {
		errs = append(errs, errors.New("audience is missing or blank"))
	}
	if o.TTL < time.Second || o.TTL > MaxTTL {
		errs = append(errs, errors.New("time to live is not between 1s and 24h"))
	}
	for _, name := range reserved {
		if _, ok := o.Claims[name]; ok {
			errs = append(errs, fmt.Errorf("claim %s can't be set this way", name))
		}
	}
	if p, ok := o.Claims["parameters"]; ok && !isObject(p) {
		errs = append(errs, errors.New("claim parameters is not an object, and the sync service takes no token with such a one"))
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("mint token: %w", errors.Join(errs...))
}

// isObject reports whether a value becomes an object of JSON.
func isObject(value any) bool {
	text, err := json.Marshal(value)
	return err == nil && bytes.HasPrefix(text, []byte("{"))
}
