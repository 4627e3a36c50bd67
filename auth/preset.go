package auth

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// form says which values a setting may have. They become parts of addresses, so that a loose one could lead elsewhere.
type form struct {
	pattern *regexp.Regexp
	says    string
	list    bool // may be several
}

var (
	texts    = form{regexp.MustCompile(`\S`), "blank", true}
	word     = form{regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`), "may have letters, digits, - and _ only", false}
	words    = form{word.pattern, word.says, true}
	hostName = form{regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$`), "is a host, without https:// and without a path", false}
	address  = form{regexp.MustCompile(`^https?://[^\s?#@]+$`), "is not an address that begins with https://", false}
)

// Presets returns every preset, by name. They are not to be changed.
func Presets() []Preset { return presets }

// FindPreset returns a preset by its name.
func FindPreset(name string) (Preset, bool) {
	i := slices.IndexFunc(presets, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return presets[i], true
}

// Options returns what a token of the preset is held against, given the settings that it needs. Options that the caller
// adds, such as the secret of HS256, are his. The error has all faults, each after the name of its setting; it repeats no
// value.
func (p Preset) Options(given map[string][]string) (Options, error) {
	var errs []error
	for _, s := range settings {
		if err := p.take(s, given[s.name]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	if len(errs) > 0 {
		return Options{}, errors.Join(errs...)
	}
	fill := func(template string) []string { return filled(template, given) }
	o := Options{
		Audiences: fill(p.Audience), Issuers: fill(p.Issuer), JWKSURLs: fill(p.JWKSURL), Discover: p.Discover,
		Algorithms: p.Algorithms, AnyAudience: p.AnyAudience, MaxLifetime: p.MaxLifetime,
	}
	for claim, value := range p.Require {
		if o.Require == nil {
			o.Require = map[string][]string{}
		}
		o.Require[claim] = fill(value)
	}
	return o, nil
}

// take says what is wrong with the values that a setting was given.
func (p Preset) take(s setting, values []string) error {
	needed := slices.Contains(p.Needs, s.name)
	switch {
	case needed && len(values) == 0:
		return fmt.Errorf("required for preset %s: %s", p.Name, s.what)
	case !needed && len(values) > 0:
		return fmt.Errorf("preset %s does not take it; it takes %s", p.Name, strings.Join(p.Needs, ", "))
	case len(values) > 1 && !s.form.list:
		return errors.New("takes one value only")
	}
	for _, value := range values {
		if !s.form.pattern.MatchString(value) {
			return errors.New(s.form.says)
		}
	}
	return nil
}

// filled puts the values of settings where their names stand in braces. A template with a list makes a list.
func filled(template string, given map[string][]string) []string {
	if template == "" {
		return nil
	}
	list := []string{template}
	for _, s := range settings {
		slot := "{" + s.name + "}"
		if !strings.Contains(template, slot) {
			continue
		}
		var next []string
		for _, text := range list {
			for _, value := range given[s.name] {
				next = append(next, strings.ReplaceAll(text, slot, value))
			}
		}
		list = next
	}
	return list
}
