package auth

import (
	"fmt"
	"io"
	"log/slog"
)

const hidden = "<secret>"

// Secret is a text that no printing shows: every verb of fmt, slog, JSON, YAML and text encoders get
// "<secret>". The zero value is the empty secret and prints as nothing.
type Secret struct {
	// A pointer, so that even a print that can't call methods, as of an unexported field, shows an address.
	text *string
}

// NewSecret wraps a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String returns "<secret>", or nothing for the empty secret.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return hidden
}

// Format prints what [Secret.String] returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue hides the text from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the text from JSON, YAML and every encoder that knows text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text, so that a secret can be read from a configuration.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
