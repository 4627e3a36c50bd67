package auth

import (
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// header is what counts of a token's header.
type header struct {
	Alg string         `json:"alg"`
	Kid jsontext.Value `json:"kid"`
	// What asks us to trust the token about its own key, or to know an extension, is refused when present.
	Crit jsontext.Value `json:"crit"`
	JWK  jsontext.Value `json:"jwk"`
	JKU  jsontext.Value `json:"jku"`
	X5U  jsontext.Value `json:"x5u"`

	kid string
}

// readHeader checks the outer form of a token and reads its header. Names that occur twice, invalid UTF-8
// and base64url that is not canonical are refused.
func readHeader(token string) (*header, error) {
	switch {
	case token == "":
		return nil, refuse(ReasonMissing, "The request has no token.")
	case strings.Count(token, ".") != 2 || strings.ContainsFunc(token, notTokenRune):
		return nil, refuse(ReasonMalformed, "The token is not three parts of base64url with dots between.")
	}
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(first)
	h := new(header)
	if err == nil {
		err = json.Unmarshal(text, h)
	}
	if err == nil && h.Kid != nil { // Null is as good as absent.
		err = json.Unmarshal(h.Kid, &h.kid)
	}
	if err != nil {
		return nil, because(err, ReasonMalformed, "The token's header is not a strict JSON object with string alg and kid.")
	}
	return h, h.check()
}

func (h *header) check() error {
	for _, member := range []struct {
		name  string
		value jsontext.Value
	}{{"crit", h.Crit}, {"jwk", h.JWK}, {"jku", h.JKU}, {"x5u", h.X5U}} {
		if member.value != nil {
			return refuse(ReasonHeader, "The token's header has "+member.name+", which is never accepted.")
		}
	}
	return nil
}

func notTokenRune(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
		return false
	}
	return true
}
