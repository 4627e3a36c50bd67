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

// Validate checks the subject, iss, the claims that are required and the lifetime, after the parser's own checks.
func (c *claims) Validate() error {
	if strings.TrimSpace(c.subject()) == "" {
		return refuse(ReasonSubject, "The token's "+c.rules.Subject+" is not a string with something in it.")
	}
	if iss, ok := c.all["iss"].(string); len(c.rules.Issuers) > 0 && (!ok || !slices.Contains(c.rules.Issuers, iss)) {
		return refuse(ReasonIssuer, "The token's issuer is not accepted here.")
	}
	for name, values := range c.rules.Require {
		if !meets(c.all[name], values) {
			return refuse(ReasonRequired, "The token's "+name+" is missing, or has a value that is not accepted here.")
		}
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

// meets reports whether a claim is there and, where there are values to choose from, has one of them.
func meets(claim any, values []string) bool {
	switch claim := claim.(type) {
	case nil:
		return false
	case []any:
		return slices.ContainsFunc(claim, func(member any) bool { return meets(member, values) })
	case string:
		return claim != "" && (len(values) == 0 || slices.Contains(values, claim))
	case stdjson.Number:
		return len(values) == 0 || slices.Contains(values, claim.String())
	case bool:
		return len(values) == 0 || slices.Contains(values, strconv.FormatBool(claim))
	}
	return len(values) == 0
}

// subject is the user, empty when the claim is missing or no string.
func (c *claims) subject() string {
	subject, _ := c.all[c.rules.Subject].(string)
	return subject
}

// caller returns who the token speaks for.
func (c *claims) caller() *writegate.Caller {
	return &writegate.Caller{Subject: c.subject(), Claims: c.all}
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
