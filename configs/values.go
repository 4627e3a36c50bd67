package configs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"
)

const hidden = "<secret>"

// Secret is a text that is never printed: not by fmt with any verb, not by slog, JSON or YAML.
// Convert it to string where it is used.
type Secret string

// Format prints <secret>.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue is <secret>.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText is <secret>.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText takes the text as it is.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}

// JSON is the JSON text of a part of the file that somebody else understands. It may hold keys, so it is
// as secret as a [Secret].
type JSON []byte

// Format prints <secret>.
func (JSON) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue is <secret>.
func (JSON) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText is <secret>.
func (JSON) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Size is a number of bytes. In the file it is a number, or a number with KiB, MiB or GiB.
type Size int64

// units are from the largest to the smallest, as String tries them.
var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String writes the size as the file does.
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText writes the size as the file does.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String writes.
func (s *Size) UnmarshalText(text []byte) error {
	number, factor := string(text), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return errors.New("not a size; write a number of bytes, or one with KiB, MiB or GiB such as 64MiB")
	}
	*s = Size(n * factor)
	return nil
}
