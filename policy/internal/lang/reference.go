package lang

import (
	"fmt"
	"strings"
)

// Reference writes all keys in Markdown, a table for each map that has keys.
func Reference() string {
	var b strings.Builder
	for _, s := range Sections() {
		fmt.Fprintf(&b, "\n## %s\n\n| key | meaning |\n|---|---|\n", s.Title)
		for _, k := range s.Keys {
			need := ""
			if k.Need {
				need = "; required"
			}
			fmt.Fprintf(&b, "| `%s` | %s%s |\n", k.Name, k.About, need)
		}
	}
	return b.String()
}

// Sections lists the maps that have keys, each behind the one that it is first found in.
func Sections() []*Shape {
	var out []*Shape
	seen := map[*Shape]bool{nil: true}
	var add func(*Shape)
	add = func(s *Shape) {
		if seen[s] {
			return
		}
		seen[s] = true
		if s.kind == byKey {
			out = append(out, s)
		}
		add(s.of)
		for _, o := range s.or {
			add(o)
		}
		for _, k := range s.Keys {
			add(k.Shape)
		}
	}
	add(Policy)
	return out
}
