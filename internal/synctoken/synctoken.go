// Package synctoken has the rules of the tokens that are made for the sync service: those of the service, and our own.
package synctoken

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Limits of a token's life. A client asks for the next one when half a minute is left, and the sync service takes none that
// lives for more than a day.
const (
	LeastTTL = 30 * time.Second
	MostTTL  = 24 * time.Hour
)

// ClaimAnonymous is true in the tokens of anonymous devices, and absent elsewhere.
const ClaimAnonymous = "is_anonymous"

// Reserved reports whether something else than the configuration of further claims decides what a claim of this name says.
func Reserved(name string) bool {
	return slices.Contains([]string{"iss", "sub", "aud", "exp", "nbf", "iat", "parameters", ClaimAnonymous}, name)
}

// NotInstance says what is wrong with what [IsInstance] refuses.
const NotInstance = "must be an address such as https://x.powersync.journeyapps.com, without a slash at its end"

// IsInstance reports whether a text can be the address of the sync service. The service compares aud to the letter, and the
// vendor's instances have no slash at the end of theirs.
func IsInstance(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		u.RawQuery == "" && u.Fragment == "" && !strings.HasSuffix(text, "/")
}
