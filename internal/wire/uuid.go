package wire

import (
	"encoding/hex"
	"strings"
)

// UUID reads a UUID in upper or lower case, with or without hyphens, braces around it and blanks, and returns the one form
// in which UUIDs are stored: lower case with hyphens. Only a string can be one; the error is ErrUUID.
func UUID(v any) (string, error) {
	s, _ := v.(string)
	s = strings.ToLower(strings.TrimSpace(s))
	if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
		s = s[1 : len(s)-1]
	}
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	if _, err := hex.DecodeString(s); err != nil || len(s) != 32 {
		return "", ErrUUID
	}
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:], nil
}
