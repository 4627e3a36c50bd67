package wire

import (
	"errors"
	"strings"
	"testing"
)

func TestUUID(t *testing.T) {
	const want = "0b0e8a52-5a3b-4b0c-8a52-0123456789ab"
	for _, in := range []any{want, strings.ToUpper(want), "{" + want + "}", " " + want + "\n", strings.ReplaceAll(want, "-", ""), "{0B0E8A525A3B4B0C8A520123456789AB}"} {
		if got, err := UUID(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []any{
		nil, "", "{}", "{", 1.0, true, want[1:], want + "0", "{" + want, "{{" + want + "}}", strings.Replace(want, "b", "g", 1),
		strings.ReplaceAll(want, "-", ":"), "0b0e8a525-a3b-4b0c-8a52-0123456789ab", strings.Repeat("-", 36), strings.Repeat("0", 31), strings.Repeat("0", 34),
	} {
		if got, err := UUID(in); !errors.Is(err, ErrUUID) || got != "" {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}
