package issue

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"writegate/auth"
)

// mostSaid bounds what one token says, in bytes of JSON. With a header, and the signature of any key of ours, it is then no
// longer than [auth.MaxToken]; so who gets a token today gets one after a rotation to another algorithm, too.
const mostSaid = 10 << 10

// mostNamed is how many claims the error of too large ones names.
const mostNamed = 5

// fits returns an error when a token would say too much. It names the largest claims as the configuration does, with their
// sizes, and nothing of what they say.
func fits(o auth.MintOptions) error {
	parts := []part{measure("", "sub", o.Subject), measure("", "aud", o.Audience), measure("", "iss", o.Issuer)}
	for name, value := range o.Claims {
		members, ok := value.(map[string]any)
		if name != "parameters" || !ok {
			parts = append(parts, measure("issue.claims.", name, value))
			continue
		}
		for name, value := range members {
			parts = append(parts, measure("issue.parameters.", name, value))
		}
	}
	total := 0
	for _, p := range parts {
		total += p.bytes
	}
	if total <= mostSaid {
		return nil
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Or(b.bytes-a.bytes, strings.Compare(a.path, b.path)) })
	var sizes []string
	for _, p := range parts[:min(len(parts), mostNamed)] {
		sizes = append(sizes, fmt.Sprintf("%s %d", p.path, p.bytes))
	}
	return fmt.Errorf("the token would say %d bytes of JSON, and at most %d are allowed; the largest: %s", total, mostSaid, strings.Join(sizes, ", "))
}

// part is a claim, or a member of parameters.
type part struct {
	path  string
	bytes int // with its name, and what JSON puts around it
}

func measure(path, name string, value any) part {
	text, _ := json.Marshal(value) // what has no JSON form fails when it is signed
	return part{path + name, len(name) + len(text) + len(`"":,`)}
}
