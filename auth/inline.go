package auth

import (
	"errors"
	"fmt"
)

// inlineKeys reads the keys that the options carry.
func (o Options) inlineKeys() ([]*key, error) {
	var keys []*key
	var errs []error
	take := func(k *key, err error, format string, args ...any) {
		switch {
		case err == nil:
			keys = append(keys, k)
		case !errors.Is(err, errUse): // Providers publish encryption keys in the same set.
			errs = append(errs, fmt.Errorf(format+": %w", append(args, err)...))
		}
	}
	for i, text := range o.JWKS {
		members, err := parseSet(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("jwks[%d]: %w", i, err))
		}
		before := len(keys) + len(errs)
		for j, member := range members {
			k, err := parseJWK(member)
			take(k, err, "jwks[%d].keys[%d]", i, j)
		}
		if err == nil && len(keys)+len(errs) == before {
			errs = append(errs, fmt.Errorf("jwks[%d]: has no key for signatures", i))
		}
	}
	for i, text := range o.PublicKeys {
		k, err := parsePEM(text)
		take(k, err, "public_keys[%d]", i)
	}
	for i, secret := range o.HS256Secrets {
		shared, err := sharedKeys(secret)
		if err != nil {
			errs = append(errs, fmt.Errorf("hs256_secret[%d]: %w", i, err))
		}
		keys = append(keys, shared...)
	}
	return keys, errors.Join(errs...)
}
