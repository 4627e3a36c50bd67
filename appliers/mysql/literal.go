package mysql

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Values are written into statements as digits. No character of a client's is among them, so there is nothing to
// escape: neither the mode nor the character set of a session can make anything else of them.

// textLiteral is a text in UTF-8.
func textLiteral(s string) string { return "_utf8mb4 x'" + hex.EncodeToString([]byte(s)) + "'" }

// nameLiteral is the name of a schema as a text that people can read, where it has nothing in it that needs care.
func nameLiteral(s string) string {
	if plainName.MatchString(s) {
		return "'" + s + "'"
	}
	return textLiteral(s)
}

var plainName = regexp.MustCompile("^[A-Za-z0-9_$`-]*$")

// bytesLiteral is a text of bytes.
func bytesLiteral(s string) string { return "_binary x'" + hex.EncodeToString([]byte(s)) + "'" }

func intLiteral(n int64) string { return strconv.FormatInt(n, 10) }

// quote writes an identifier. Those of the configuration come with whatever characters the owner of the database
// has put into them.
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func join(parts ...string) string { return strings.Join(parts, ", ") }

// ownText is text for a column of ours. Text that is no UTF-8 belongs to no well-behaved client.
func ownText(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return textLiteral(s)
}

// keyOf is what the ids of devices and users are found by, since they may be longer than an index takes and
// collations take some different ones for the same.
func keyOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return bytesLiteral(string(sum[:]))
}
