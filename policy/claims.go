package policy

import (
	"fmt"
	"strings"

	"writegate"
	"writegate/policy/internal/expr"
)

// mapClaims picks the declared claims out of a token.
func (b *Bundle) mapClaims(caller writegate.Caller) (expr.Claims, error) {
	out := make(expr.Claims, len(b.claims))
	for i := range b.claims {
		c := &b.claims[i]
		raw := find(caller, c.path)
		switch {
		case raw == nil && c.required:
			return nil, c.refuse("has no claim %s, which is required")
		case raw == nil:
			out[i] = c.standin
			continue
		}
		v, ok := expr.ClaimValue(c.typ, raw)
		if !ok {
			return nil, c.refuse("has a claim %s that is not of type " + c.typ)
		}
		out[i] = v
	}
	return out, nil
}

func (c *claimSpec) refuse(format string) error {
	return &writegate.Error{
		Class: writegate.Forbidden, Code: writegate.Unauthorized, Reason: "claim.missing",
		Message: "The token " + fmt.Sprintf(format, strings.Join(c.path, ".")) + ".",
	}
}

// find follows a path into the claims. The subject is the authenticator's, whatever the claims say.
func find(caller writegate.Caller, path []string) any {
	if len(path) == 1 && path[0] == "sub" {
		return caller.Subject
	}
	var at any = caller.Claims
	for _, step := range path {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[step]
	}
	return at
}
