package writegate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// LinkKey is a row that a device has changed. Both are text of at most 255 bytes; the pipeline hashes what is longer.
type LinkKey struct{ Table, Row string }

// Link remembers an unbroken chain of changes that one device made to a row: which version the first was based on,
// and which version the last one made. So two changes that a device made offline, one after the other, on the same
// base don't conflict with each other. Both are texts of at most 64 bytes, in a form of the policy's own.
type Link struct{ Base, Made string }

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
