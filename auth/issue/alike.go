package issue

import (
	"bytes"
	"strings"
	"unicode"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// taken reports whether no user may be called so, since a device could then pass for that user, or the other way round. Many a
// database takes texts for equal that differ in case, accents or width, in characters that don't show, or in spaces at their ends.
func (a *Anonymous) taken(subject string) bool {
	subject = strings.TrimRightFunc(subject, unicode.IsSpace)
	if a.Subject == Fixed {
		return alike(subject, AnonymousSubject, bytes.Equal)
	}
	return alike(subject, AnonymousPrefix, bytes.HasPrefix)
}

// alike holds a text against one of printable ASCII as a database might: by their letters alone.
func alike(text, plain string, holds func(text, plain []byte) bool) bool {
	if !strings.ContainsFunc(text, notPrintableASCII) {
		return holds([]byte(strings.ToLower(text)), []byte(plain))
	}
	c, weights := collate.New(language.Und, collate.Loose), new(collate.Buffer)
	return holds(c.KeyFromString(weights, text), c.KeyFromString(weights, plain))
}

func notPrintableASCII(r rune) bool { return r < ' ' || r > '~' }
