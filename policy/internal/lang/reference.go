package lang

import (
	"fmt"
	"strings"
)

// Reference writes the keys of each map as a table in Markdown, by the title of the map.
func Reference() map[string]string {
	tables := map[string]string{}
	document(Policy, tables)
	return tables
}

func document(s *Shape, tables map[string]string) {
	switch {
	case s == nil || s.kind == byKey && tables[s.Title] != "":
		return
	case s.kind == byKey:
		var b strings.Builder
		b.WriteString("| key | meaning |\n|---|---|\n")
		for _, k := range s.Keys {
			need := ""
			if k.Need {
				need = "; required"
			}
			fmt.Fprintf(&b, "| `%s` | %s%s |\n", k.Name, k.About, need)
		}
		tables[s.Title] = b.String()
	}
	document(s.of, tables)
	for _, o := range s.or {
		document(o, tables)
	}
	for _, k := range s.Keys {
		document(k.Shape, tables)
	}
}
