package issue

import (
	"testing"

	"cel.dev/cel-go/common/types"
	"github.com/google/go-cmp/cmp"

	"writegate"
)

// TestStoredDocument has expressions read documents as a policy does, but for numbers that can't be exact.
func TestStoredDocument(t *testing.T) {
	column := &writegate.Column{Name: "settings", Type: writegate.Document}
	for text, want := range map[string]any{
		`{"a":[1,0.5,1e3,"b",null]}`: map[string]any{"a": []any{int64(1), 0.5, 1000.0, "b", nil}},
		`12345678901234567`:          int64(12345678901234567),
	} {
		got, err := storedValue(column, text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, %s", text, err, diff)
		}
	}
	for _, text := range []string{`{"role":"admin","role":"user"}`, `{"role":"admin"} {"role":"user"}`, `{`} {
		if got, err := storedValue(column, text); err == nil {
			t.Errorf("%s is read as %v", text, got)
		}
	}
	for _, digits := range []string{"92233720368547758070", "1e999"} {
		got, err := storedValue(column, digits)
		if _, fault := got.(*types.Err); err != nil || !fault {
			t.Errorf("%s is read as %v, %v", digits, got, err)
		}
	}
}
