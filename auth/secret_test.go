package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestSecretHides(t *testing.T) {
	const text = "hunter2-hunter2"
	s := NewSecret(text)
	type holder struct {
		Shown  Secret
		hidden Secret
		Ptr    *Secret
		Map    map[string]Secret
	}
	h := holder{s, s, &s, map[string]Secret{"k": s}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%10s", "%T"} {
		for _, value := range []any{s, &s, h, &h, []Secret{s}} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("x", "secret", s, "holder", h)
	}
	out.Write(must(json.Marshal(h)))
	out.Write(must(yaml.Marshal(h)))
	out.WriteString(fmt.Errorf("wrapped: %v", s).Error())
	for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprintf("%d", []byte(text))} {
		if strings.Contains(out.String(), form) {
			t.Errorf("shows %q:\n%s", form, &out)
		}
	}
	if got := string(must(json.Marshal(s))) + string(must(yaml.Marshal(s))); got != "\"\\u003csecret\\u003e\"<secret>\n" {
		t.Error(got)
	}
	if got := fmt.Sprintf("%s|%v|%#v|%s", s, s, s, Secret{}); got != "<secret>|<secret>|<secret>|" {
		t.Error(got)
	}
}

func TestSecretReads(t *testing.T) {
	var fromJSON, fromYAML struct {
		Key Secret `json:"key" yaml:"key"`
	}
	if err := json.Unmarshal([]byte(`{"key":"hunter2"}`), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte("key: hunter2\n"), &fromYAML); err != nil {
		t.Fatal(err)
	}
	if fromJSON.Key.Reveal() != "hunter2" || fromYAML.Key.Reveal() != "hunter2" || (Secret{}).Reveal() != "" {
		t.Error("did not read what was written")
	}
}
