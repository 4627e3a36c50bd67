package auth

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPresetOptions(t *testing.T) {
	p, _ := FindPreset("cognito-access")
	got, err := p.Options(map[string][]string{"region": {"eu-west-1"}, "user_pool": {"eu-west-1_AbC"}, "client_id": {"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	want := Options{
		Issuers:     []string{"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC"},
		JWKSURLs:    []string{"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC/.well-known/jwks.json"},
		Algorithms:  []string{"RS256"},
		AnyAudience: true,
		Require:     map[string][]string{"token_use": {"access"}, "client_id": {"a", "b"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPresetFaults(t *testing.T) {
	for _, tt := range []struct {
		preset string
		given  map[string][]string
		want   string
	}{
		{"auth0", nil, "audience: required for preset auth0: what the tokens' aud says\ndomain: required for preset auth0: the provider's host, without https://"},
		{"auth0", map[string][]string{"audience": {"a", " "}, "domain": {"a", "b"}}, "audience: blank\ndomain: takes one value only"},
		{"supabase", map[string][]string{"project": {"a"}, "audience": {"x"}}, "audience: preset supabase does not take it; it takes project"},
		{"supabase", map[string][]string{"project": {"evil.example.com/x?"}}, "project: may have letters, digits, - and _ only"},
		{"keycloak", map[string][]string{"issuer": {"https://a?b"}, "audience": {"a"}}, "issuer: is not an address that begins with https://"},
		{"clerk", map[string][]string{"domain": {"evil.example.com/clerk.example.com"}, "audience": {"a"}}, "domain: is a host, without https:// and without a path"},
		{"clerk", map[string][]string{"domain": {"a@evil.example.com"}, "audience": {"a"}}, "domain: is a host, without https:// and without a path"},
	} {
		p, _ := FindPreset(tt.preset)
		if _, err := p.Options(tt.given); err == nil || err.Error() != tt.want {
			t.Errorf("%s %v: got\n%v\nwant\n%s", tt.preset, tt.given, err, tt.want)
		}
	}
	if _, ok := FindPreset("okta"); ok {
		t.Error("found a preset that is not there")
	}
}

// TestPresetData holds the presets to what every one of them has to say.
func TestPresetData(t *testing.T) {
	if !slices.IsSortedFunc(presets, func(a, b Preset) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted by name")
	}
	for _, p := range presets {
		if p.Issuer == "" || !p.AnyAudience && p.Audience == "" || !strings.HasPrefix(p.Docs, "https://") || p.About == "" {
			t.Errorf("%s lacks an issuer, an audience, what it is about, or a link", p.Name)
		}
		for _, need := range p.Needs {
			if need != "hs256_secret" && !slices.ContainsFunc(settings, func(s setting) bool { return s.name == need }) {
				t.Errorf("%s needs %s, which is no setting", p.Name, need)
			}
		}
	}
}

// TestPresetTable holds the table of docs/auth.md to the presets.
func TestPresetTable(t *testing.T) {
	text, err := os.ReadFile("../docs/auth.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| `preset` | for | needs | `aud` | `iss` | keys | `alg` | also required |\n|---|---|---|---|---|---|---|---|\n")
	for _, p := range presets {
		fmt.Fprintf(&table, "| [`%s`](%s) | %s | %s | %s | %s | %s | %s | %s |\n", p.Name, p.Docs, p.About, code(p.Needs...),
			orElse(code(p.Audience), "not looked at"), code(p.Issuer), orElse(code(p.JWKSURL), keysFrom(p)), orElse(code(p.Algorithms...), "what the keys are for"), required(p))
	}
	if !strings.Contains(string(text), table.String()) {
		t.Errorf("docs/auth.md has not this table:\n%s", table.String())
	}
}

func code(texts ...string) string {
	var out []string
	for _, text := range texts {
		if text != "" {
			out = append(out, "`"+text+"`")
		}
	}
	return strings.Join(out, ", ")
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func keysFrom(p Preset) string {
	if p.Discover {
		return "by discovery"
	}
	return "the secret"
}

func required(p Preset) string {
	var all []string
	for _, claim := range slices.Sorted(maps.Keys(p.Require)) {
		all = append(all, strings.TrimSuffix("`"+claim+"` "+code(p.Require[claim]), " "))
	}
	return strings.Join(all, ", ")
}
