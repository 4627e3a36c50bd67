package policy

import (
	"encoding/json"
	"fmt"
	"slices"
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

// Claims are the values at the paths of the claims that the policy declares, but for the subject.
func (j *judge) Claims() writegate.JSON {
	paths := make([][]string, 0, len(j.bundle.claims))
	for i := range j.bundle.claims {
		paths = append(paths, j.bundle.claims[i].path)
	}
	slices.SortStableFunc(paths, func(a, b []string) int { return len(a) - len(b) }) // what is within another is there already
	out := map[string]any{}
	for _, path := range paths {
		v := find(j.caller, path)
		if v == nil || len(path) == 1 && path[0] == "sub" || find(writegate.Caller{Claims: out}, path) != nil {
			continue
		}
		at := out
		for _, step := range path[:len(path)-1] {
			next, ok := at[step].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[step] = next
			}
			at = next
		}
		at[path[len(path)-1]] = v
	}
	text, err := json.Marshal(out)
	if err != nil { // a value that no token has
		return "{}"
	}
	return writegate.JSON(text)
}
