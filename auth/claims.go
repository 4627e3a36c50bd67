package auth

import (
	stdjson "encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"writegate"
)

// claims are a token's claims with exact numbers, and the rules that the parser has no option for.
type claims struct {
	all   map[string]any
	rules *Options
}

var _ jwt.ClaimsValidator = (*claims)(nil)

// exact decodes every number as [encoding/json.Number], so that none passes through float64.
var exact = json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	number, err := dec.ReadValue()
	*v = stdjson.Number(number)
	return err
}))

// UnmarshalJSON refuses names that occur twice, at any depth, and invalid UTF-8.
func (c *claims) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &c.all, exact)
}

// Validate checks sub, iss and the lifetime, after the parser's own checks.
func (c *claims) Validate() error {
	if sub, ok := c.all["sub"].(string); !ok || strings.TrimSpace(sub) == "" {
		return refuse(ReasonSubject, "The token's sub is not a string with something in it.")
	}
	if iss, ok := c.all["iss"].(string); len(c.rules.Issuers) > 0 && (!ok || !slices.Contains(c.rules.Issuers, iss)) {
		return refuse(ReasonIssuer, "The token's issuer is not accepted here.")
	}
	exp, _ := c.GetExpirationTime()
	iat, _ := c.GetIssuedAt()
	if exp == nil {
		return nil // The parser has said so.
	}
	start := time.Now().Add(c.rules.Leeway)
	if iat != nil {
		start = iat.Time
	}
	if exp.Sub(start) > c.rules.MaxLifetime {
		return refuse(ReasonLifetime, "The token is valid for longer than is accepted here.")
	}
	return nil
}

// caller returns who the token speaks for.
func (c *claims) caller() *writegate.Caller {
	return &writegate.Caller{Subject: c.all["sub"].(string), Claims: c.all}
}

// GetExpirationTime returns exp.
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.date("exp") }

// GetIssuedAt returns iat.
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error) { return c.date("iat") }

// GetNotBefore returns nbf.
func (c *claims) GetNotBefore() (*jwt.NumericDate, error) { return c.date("nbf") }

// GetIssuer returns iss, empty when there is none.
func (c *claims) GetIssuer() (string, error) { return c.text("iss") }

// GetSubject returns sub, empty when there is none.
func (c *claims) GetSubject() (string, error) { return c.text("sub") }

// GetAudience returns aud as a list that is never empty.
func (c *claims) GetAudience() (jwt.ClaimStrings, error) {
	values, ok := c.all["aud"].([]any)
	if !ok && c.all["aud"] != nil {
		values = []any{c.all["aud"]}
	}
	var list jwt.ClaimStrings
	for _, value := range values {
		s, ok := value.(string)
		if !ok {
			return nil, wrongType("aud")
		}
		if s != "" {
			list = append(list, s)
		}
	}
	if list == nil {
		return nil, refuse(ReasonAudience, "The token has no audience.")
	}
	return list, nil
}

func (c *claims) text(name string) (string, error) {
	value, ok := c.all[name]
	if !ok {
		return "", nil
	}
	s, ok := value.(string)
	if !ok {
		return "", wrongType(name)
	}
	return s, nil
}

// latest is the last second that counts as a date: the end of the year 9999.
const latest = 253402300799

// date reads a time in seconds, which may have a fraction. What is far out of any calendar is no date.
func (c *claims) date(name string) (*jwt.NumericDate, error) {
	value, ok := c.all[name]
	if !ok {
		return nil, nil
	}
	number, ok := value.(stdjson.Number)
	if !ok {
		return nil, wrongType(name)
	}
	seconds, err := strconv.ParseFloat(string(number), 64)
	if err != nil || seconds < 0 || seconds > latest {
		return nil, wrongType(name)
	}
	return &jwt.NumericDate{Time: time.UnixMicro(int64(seconds * 1e6))}, nil
}

func wrongType(claim string) error {
	return refuse(ReasonClaim, "The token's "+claim+" is not of the type that the standard gives it.")
}
