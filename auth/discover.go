package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// discoveryURL is where an issuer publishes what it offers.
func discoveryURL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// address returns where the key set is, which an issuer's discovery document may say anew each time. The document has to
// be the issuer's own: one that names another issuer is not believed.
func (s *source) address(ctx context.Context) (string, error) {
	if s.issuer == "" {
		return s.url, nil
	}
	body, err := s.get(ctx, s.url)
	if err != nil {
		return "", fmt.Errorf("discovery document: %w", err)
	}
	var document struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if json.Unmarshal(body, &document) != nil {
		return "", errors.New("discovery document: not a JSON object")
	}
	if document.Issuer != s.issuer {
		return "", errors.New("discovery document: it is of another issuer")
	}
	u, err := s.verifier.options.checkURL(document.JWKSURI)
	if err != nil {
		return "", fmt.Errorf("discovery document: jwks_uri: %w", err)
	}
	if strings.HasPrefix(s.url, "https:") && u.Scheme != "https" {
		return "", errors.New("discovery document: jwks_uri leads away from https")
	}
	return document.JWKSURI, nil
}
