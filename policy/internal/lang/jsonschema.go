package lang

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// JSONSchema writes the language as a JSON Schema, by which editors complete and check while one types. What it accepts
// may still be wrong; what it refuses is.
func JSONSchema() ([]byte, error) {
	w := schemaWriter{defs: map[string]any{}}
	root := w.shape(Policy)
	top, _ := w.defs[strings.TrimPrefix(root["$ref"].(string), "#/$defs/")].(map[string]any)
	delete(w.defs, slug(Policy.Title))
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "writegate policy"
	top["$defs"] = w.defs
	text, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the JSON Schema: %w", err)
	}
	return append(text, '\n'), nil
}

type schemaWriter struct{ defs map[string]any }

func (w *schemaWriter) shape(s *Shape) map[string]any {
	switch s.kind {
	case name:
		return map[string]any{"type": []string{"string", "number", "boolean"}}
	case plain:
		return map[string]any{"type": []string{"string", "number", "boolean", "null"}}
	case truth:
		return map[string]any{"type": "boolean"}
	case whole:
		return map[string]any{"type": "integer"}
	case choice:
		return map[string]any{"enum": choices(s.words)}
	case nothing:
		return map[string]any{"type": "null"}
	case list:
		return map[string]any{"type": "array", "items": w.shape(s.of)}
	case byName:
		return map[string]any{"type": "object", "additionalProperties": w.shape(s.of)}
	case byKey:
		return w.object(s)
	case either:
		var all []any
		for _, o := range s.or {
			all = append(all, w.shape(o))
		}
		return map[string]any{"anyOf": all}
	case anything:
	}
	return map[string]any{}
}

// object writes a map with keys once, and refers to it.
func (w *schemaWriter) object(s *Shape) map[string]any {
	at := slug(s.Title)
	if _, known := w.defs[at]; !known {
		w.defs[at] = nil
		properties, needed := map[string]any{}, []string{}
		for _, k := range s.Keys {
			p := w.shape(k.Shape)
			p["description"] = sentence(links.ReplaceAllString(k.About, "$1"))
			properties[k.Name] = p
			if k.Need {
				needed = append(needed, k.Name)
			}
		}
		out := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
		if len(needed) > 0 {
			out["required"] = needed
		}
		w.defs[at] = out
	}
	return map[string]any{"$ref": "#/$defs/" + at}
}

// choices are words as YAML reads them.
func choices(words []string) []any {
	var out []any
	for _, word := range words {
		if json.Valid([]byte(word)) {
			out = append(out, json.RawMessage(word))
		}
		out = append(out, word)
	}
	return out
}

var (
	links   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	letters = regexp.MustCompile(`[^a-z]+`)
)

func slug(title string) string {
	return strings.Trim(letters.ReplaceAllString(strings.ToLower(title), "-"), "-")
}

// sentence begins with a capital letter, unless with a word of the language, and ends with a full stop.
func sentence(text string) string {
	if text != "" && text[0] != '`' {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return text + "."
}
