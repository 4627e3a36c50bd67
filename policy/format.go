package policy

import (
	"maps"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// textFormat is a form that many texts have.
type textFormat struct {
	what string // completes "must be "
	is   func(text string) bool
}

var formats = map[string]textFormat{
	"date":      {"a date such as 2026-03-01", parses(time.DateOnly)},
	"email":     {"an e-mail address", isEmail},
	"phone":     {"a telephone number such as +4930123456", regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`).MatchString},
	"timestamp": {"a time such as 2026-03-01T10:00:00Z", parses(time.RFC3339Nano)},
	"url":       {"a web address", isURL},
	"uuid":      {"a UUID", regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString},
}

func formatNames() []string { return slices.Sorted(maps.Keys(formats)) }

func parses(form string) func(string) bool {
	return func(text string) bool {
		_, err := time.Parse(form, text)
		return err == nil
	}
}

var domain = regexp.MustCompile(`^[\pL\pN]([\pL\pN-]*[\pL\pN])?(\.[\pL\pN]([\pL\pN-]*[\pL\pN])?)+$`)

// isEmail tells a bare address, without a name or comments, at a domain with a dot.
func isEmail(text string) bool {
	local, at, found := strings.Cut(text, "@")
	if !found || len(local) > 64 || len(text) > 254 || !domain.MatchString(at) {
		return false
	}
	a, err := mail.ParseAddress(text)
	return err == nil && a.Name == "" && a.Address == text
}

// isURL tells an absolute address of the web, without a user's name or password in it.
func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && !strings.ContainsAny(text, " \t\n")
}
