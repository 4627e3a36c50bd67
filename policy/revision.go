package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"writegate"
)

// language is part of every revision: what a file means depends on it.
const language = "writegate policy 1\n"

// revision hashes a policy's content, not its layout, and what was found in the database.
func revision(canonical []byte, tables map[string]*table) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s%s\n", language, canonical)
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		t := tables[name].meta
		fmt.Fprintf(h, "%q %q %q %q %q\n", t.Name, t.Database, t.Source, t.Key, partNames(t))
		for _, column := range slices.Sorted(maps.Keys(tables[name].columns)) {
			c := tables[name].columns[column]
			fmt.Fprintf(h, "%q %s %q %t %t %t %q\n", c.Name, c.Type, c.Native, c.Nullable, c.HasDefault, c.ReadOnly, c.Values)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)[:8])
}

func partNames(t *writegate.Table) []string {
	names := make([]string, len(t.Parts))
	for i, p := range t.Parts {
		names[i] = p.Name
	}
	return names
}
