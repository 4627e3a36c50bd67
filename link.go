package writegate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxLinkText is the greatest length in bytes of either part of a [LinkKey].
const maxLinkText = 255

// linkKey is what links to the row of an operation are called, whatever clients call its table.
func linkKey(a *Admitted) LinkKey {
	if !a.Linked {
		return LinkKey{}
	}
	return LinkKey{Table: linkText(a.Table.Source), Row: linkText(fmt.Sprint(a.Key))}
}

// linkText is a text that every database can store, or a hash in the place of any other.
func linkText(text string) string {
	if len(text) <= maxLinkText && utf8.ValidString(text) && !strings.ContainsRune(text, 0) {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}
