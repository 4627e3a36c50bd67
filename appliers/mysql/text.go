package mysql

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"writegate"
	"writegate/internal/applier"
	"writegate/internal/wire"
)

var (
	errText   = errors.New("must be text without broken UTF-8")
	errPlane  = errors.New("must be text of the characters that utf8mb3 has, up to U+FFFF")
	errASCII  = errors.New("must be text of ASCII characters")
	errBinary = errors.New(`must be bytes in hexadecimal digits, such as 0x00ff`)
)

// toText converts every wire value to text: numbers and booleans to what they look like, objects and arrays to
// their JSON.
func toText(v any) (string, error) {
	s, ok := applier.Text(v)
	if !ok || !utf8.ValidString(s) {
		return "", errText
	}
	return s, nil
}

// toColumnText converts to text that a column holds: of its length in characters, or in bytes for the TEXT family, and
// of its character set as far as that is known here.
func toColumnText(v any, cc *catalogColumn) (any, error) {
	s, err := toText(v)
	if err != nil {
		return nil, err
	}
	if cc.Data == "char" { // blanks at its end mean nothing
		s = strings.TrimRight(s, " ")
	}
	switch cc.Charset {
	case "utf8", "utf8mb3", "ucs2":
		if strings.IndexFunc(s, func(r rune) bool { return r > 0xffff }) >= 0 {
			return nil, errPlane
		}
	case "ascii":
		if strings.IndexFunc(s, func(r rune) bool { return r > 0x7f }) >= 0 {
			return nil, errASCII
		}
	}
	if strings.HasSuffix(cc.Data, "text") {
		if cc.Octets >= 0 && int64(len(s)) > cc.Octets && strings.HasPrefix(cc.Charset, "utf8") {
			return nil, fmt.Errorf("must be text of at most %d bytes", cc.Octets)
		}
		return s, nil
	}
	if cc.Length >= 0 && int64(len(s)) > cc.Length && int64(utf8.RuneCountInString(s)) > cc.Length {
		return nil, fmt.Errorf("must be text of at most %d characters", cc.Length)
	}
	return s, nil
}

func toEnum(v any, values []string) (any, error) {
	if s, ok := wire.Text(v); ok && slices.Contains(values, s) {
		return s, nil
	}
	return nil, fmt.Errorf("must be one of %s", strings.Join(values, ", "))
}

// members reads the values of enum('a','it”s') and set(…).
func members(native string) []string {
	_, list, _ := strings.Cut(native, "(")
	var values []string
	for strings.HasPrefix(list, "'") || strings.HasPrefix(list, ",'") {
		list = list[strings.IndexByte(list, '\'')+1:]
		var b strings.Builder
		for list != "" && (list[0] != '\'' || strings.HasPrefix(list, "''")) {
			if (list[0] == '\'' || list[0] == '\\') && len(list) > 1 {
				list = list[1:]
				b.WriteByte(unescape(list))
			} else {
				b.WriteByte(list[0])
			}
			list = list[1:]
		}
		values = append(values, b.String())
		list = strings.TrimPrefix(list, "'")
	}
	return values
}

// unescape returns what the character behind a quote or a backslash stands for.
func unescape(list string) byte {
	switch list[0] {
	case '0':
		return 0
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	}
	return list[0]
}

var errSet = errors.New("must be an array of distinct members, as JSON")

// set is a SET. Its stored value is a JSON array in the order of the members.
func set(values []string) *codec {
	c := textual(writegate.List, func(v any) (any, error) { return toSet(v, values) })
	c.literal = func(v any) string {
		s, _ := v.(string)
		var chosen []string
		_ = json.Unmarshal([]byte(s), &chosen) // a stored value is such an array
		return textLiteral(strings.Join(chosen, ","))
	}
	c.load = func(text string) any { return setText(strings.Split(text, ","), values) }
	c.send = func(v any) any {
		if v == "[]" {
			return `[""]` // as the sync service has it
		}
		return v
	}
	return c
}

// toSet takes a JSON array, or members between commas as the server writes them.
func toSet(v any, values []string) (any, error) {
	s, ok := v.(string)
	if doc, isJSON := v.(writegate.JSON); isJSON {
		s, ok = string(doc), true
	}
	if !ok {
		return nil, errSet
	}
	chosen := strings.Split(s, ",")
	if strings.HasPrefix(strings.TrimSpace(s), "[") {
		chosen = nil
		if err := json.Unmarshal([]byte(s), &chosen); err != nil {
			return nil, errSet
		}
	}
	if len(chosen) == 1 && chosen[0] == "" {
		chosen = nil
	}
	for i, member := range chosen {
		if !slices.Contains(values, member) {
			return nil, fmt.Errorf("must be some of %s", strings.Join(values, ", "))
		}
		if slices.Contains(chosen[:i], member) {
			return nil, errSet
		}
	}
	return setText(chosen, values), nil
}

func setText(chosen, values []string) string {
	in := []string{}
	for _, member := range values {
		if slices.Contains(chosen, member) {
			in = append(in, member)
		}
	}
	text, _ := json.Marshal(in) // strings always marshal
	return string(text)
}

// toUUID takes upper and lower case, with and without hyphens and braces.
func toUUID(v any) (any, error) { return wire.UUID(v) }

func uuidText(b []byte) string {
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// binaryUUID is a UUID in a BINARY(16). Swapped has the parts of the time in the order of UUID_TO_BIN(…, 1).
func binaryUUID(swapped bool) *codec {
	order := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} // place in the text, by place in the column
	if swapped {
		order = []int{6, 7, 4, 5, 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15}
	}
	return &codec{
		kind: writegate.UUID, identifies: true,
		convert: func(v any) (any, error) {
			if b, ok := v.(writegate.Bytes); ok && len(b) == 16 {
				return uuidText([]byte(b)), nil
			}
			return toUUID(v)
		},
		literal: func(v any) string {
			s, _ := v.(string)
			b, _ := hex.DecodeString(strings.ReplaceAll(s, "-", "")) // a stored value has 32 digits
			stored := make([]byte, len(b))
			for i := range stored {
				stored[i] = b[order[i]]
			}
			return bytesLiteral(string(stored))
		},
		load: func(text string) any {
			if len(text) != len(order) {
				return nil
			}
			b := make([]byte, len(text))
			for i := range b {
				b[order[i]] = text[i]
			}
			return uuidText(b)
		},
	}
}

// toBinary takes hexadecimal digits, with or without 0x or \x, of at least and at most so many bytes; -1 is no limit.
// A fixed length must be met: the server would fill up with zeros.
func toBinary(v any, least, most int64) (any, error) {
	b, ok := v.(writegate.Bytes)
	if !ok {
		s, isText := v.(string)
		if !isText {
			return nil, errBinary
		}
		digits := strings.TrimPrefix(strings.TrimPrefix(s, `\x`), "0x")
		decoded, err := hex.DecodeString(digits)
		if err != nil {
			return nil, errBinary
		}
		b = writegate.Bytes(decoded)
	}
	switch n := int64(len(b)); {
	case least == most && n != most:
		return nil, fmt.Errorf("must be %d bytes in hexadecimal digits", most)
	case most >= 0 && n > most:
		return nil, fmt.Errorf("must be at most %d bytes in hexadecimal digits", most)
	}
	return b, nil
}
