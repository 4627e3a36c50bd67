package main

import (
	"cmp"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Passwords in a DSN, however wrong the rest of it is: before the last @ of a URL, and after password= or pwd=.
var (
	inUserinfo = regexp.MustCompile(`^(?:[^:/]*://[^:@/]*:(.*)|[^:@/=]*:([^/].*))@`)
	inSetting  = regexp.MustCompile(`(?i)(?:password|pwd)\s*=\s*('(?:[^'\\]|\\.)*'?|(?:\\.|[^\s&'])+)`)
	pieces     = regexp.MustCompile(`[^\pL\pN]+`)
)

// redact takes a DSN and its password, whole or in pieces and in letters of any case, out of the text of an error.
// It returns the error itself when there is nothing to take out.
func redact(err error, dsn string) error {
	found := secrets(dsn)
	if found == nil {
		return err
	}
	for i, secret := range found {
		found[i] = regexp.QuoteMeta(secret)
	}
	text := err.Error()
	hidden := regexp.MustCompile("(?i)"+strings.Join(found, "|")).ReplaceAllLiteralString(text, "<secret>")
	if hidden == text {
		return err
	}
	return errors.New(hidden)
}

// secrets lists what must not be shown of a DSN, longest first; nothing of one without a password.
func secrets(dsn string) []string {
	var found []string
	for _, form := range []*regexp.Regexp{inUserinfo, inSetting} {
		for _, m := range form.FindAllStringSubmatch(dsn, -1) {
			password := strings.Join(m[1:], "") // of the one group that fits
			found = append(found, password)
			if plain, err := url.PathUnescape(password); err == nil {
				found = append(found, plain)
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	all := append([]string{dsn}, found...)
	for _, password := range found {
		all = append(all, strings.Trim(password, "'"))
		for _, piece := range pieces.Split(password, -1) {
			if len(piece) > 2 { // a parser that cuts at the wrong place shows a piece
				all = append(all, piece)
			}
		}
	}
	all = slices.DeleteFunc(all, func(s string) bool { return s == "" })
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return all
}
