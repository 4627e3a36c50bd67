package schemafile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"writegate"
)

// Write writes the file. The same content always gives the same text, and [Parse] reads it back.
func (f *File) Write(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("# Written by `writegate schema pull`: what the databases look like, for tools that are to do without them.\n" +
		"# A type with ! takes no null.\nschema: 1\n")
	if len(f.Databases) > 0 {
		b.WriteString("databases:\n")
	}
	for _, name := range slices.Sorted(maps.Keys(f.Databases)) {
		db := f.Databases[name]
		var known []string // a file written by hand may leave either out
		if db.Driver != "" {
			known = append(known, "driver: "+scalar(db.Driver))
		}
		if db.Server != "" {
			known = append(known, "server: "+scalar(db.Server))
		}
		fmt.Fprintf(&b, "  %s: {%s}\n", scalar(name), strings.Join(known, ", "))
	}
	b.WriteString("tables:")
	if len(f.Tables) == 0 {
		b.WriteString(" {}")
	}
	b.WriteString("\n")
	for i := range f.Tables {
		f.Tables[i].write(&b)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (t *Table) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "  %s:\n", scalar(t.Name))
	if t.Database != "" {
		fmt.Fprintf(b, "    database: %s\n", scalar(t.Database))
	}
	if t.Source != t.Name {
		fmt.Fprintf(b, "    source: %s\n", scalar(t.Source))
	}
	if t.Parts == nil {
		fmt.Fprintf(b, "    key: %s\n", scalar(t.Key))
	} else {
		fmt.Fprintf(b, "    key: {name: %s, columns: %s, separator: %s}\n", scalar(t.Key), list(t.Parts), scalar(t.Separator))
	}
	fmt.Fprintf(b, "    fingerprint: %s\n    columns:", t.Fingerprint())
	if len(t.Columns) == 0 {
		b.WriteString(" {}")
	}
	b.WriteString("\n")
	for _, c := range t.Columns {
		fmt.Fprintf(b, "      %s: %s\n", scalar(c.Name), c.text())
	}
	if t.Indexes == nil {
		return
	}
	b.WriteString("    indexes:")
	if len(t.Indexes) == 0 {
		b.WriteString(" []")
	}
	b.WriteString("\n")
	for _, text := range indexTexts(t.Indexes) {
		fmt.Fprintf(b, "      - %s\n", text)
	}
}

// indexTexts writes an index as the list of its columns, under the key unique where it is.
func indexTexts(indexes []writegate.Index) []string {
	texts := make([]string, len(indexes))
	for i, index := range indexes {
		if texts[i] = list(index.Columns); index.Unique {
			texts[i] = "{unique: " + texts[i] + "}"
		}
	}
	return texts
}

// text is the type alone where that says all, else a mapping.
func (c *Column) text() string {
	word := c.Type.String()
	native := c.Native != word
	if !c.Nullable {
		word += "!"
	}
	if !native && !c.HasDefault && !c.ReadOnly && c.Values == nil {
		return word
	}
	out := "{type: " + word
	if native {
		out += ", native: " + scalar(c.Native)
	}
	if c.HasDefault {
		out += ", default: true"
	}
	if c.ReadOnly {
		out += ", read_only: true"
	}
	if c.Values != nil {
		out += ", values: " + list(c.Values)
	}
	return out + "}"
}

// plain is what needs no quotes anywhere, words that mean something else left aside.
var (
	plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.() -]*[A-Za-z0-9_)]$|^[A-Za-z]$`)
	words = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null|y|n|nan|inf)$`)
)

func scalar(s string) string {
	if plain.MatchString(s) && !words.MatchString(s) {
		return s
	}
	var b strings.Builder
	enc := json.NewEncoder(&b) // a JSON text is a YAML one, too
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

func list(items []string) string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = scalar(item)
	}
	return "[" + strings.Join(out, ", ") + "]"
}
