package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"writegate"
)

// language is part of every revision: what a file means depends on it.
const language = "writegate policy 1\n"

// revision hashes a policy's content, not its layout, and what was found in the database.
func revision(canonical []byte, tables []*writegate.Table) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s%s\n", language, canonical)
	for _, t := range tables {
		fmt.Fprintf(h, "%q %q %q %q %q\n", t.Name, t.Database, t.Source, t.Key, partNames(t))
		for _, c := range slices.SortedFunc(slices.Values(t.Columns), func(a, b *writegate.Column) int { return cmp.Compare(a.Name, b.Name) }) {
			fmt.Fprintf(h, "%q %s %q %t %t %t %q\n", c.Name, c.Type, c.Native, c.Nullable, c.HasDefault, c.ReadOnly, c.Values)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)[:8])
}

// metas are all tables that decisions depend on, by name.
func (b *Bundle) metas(own []*writegate.Table) []*writegate.Table {
	for _, t := range b.tables {
		own = append(own, t.meta)
	}
	slices.SortFunc(own, func(a, b *writegate.Table) int { return cmp.Compare(a.Name, b.Name) })
	return own
}

func partNames(t *writegate.Table) []string {
	names := make([]string, len(t.Parts))
	for i, p := range t.Parts {
		names[i] = p.Name
	}
	return names
}
