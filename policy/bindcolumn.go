package policy

import (
	"strings"

	"writegate"
	"writegate/policy/internal/near"
)

// alone looks for another name of the same table by which rows or columns of it are known differently: what one
// operation made of a row is what the next one sees, whatever it calls the table.
func (b *tableBinder) alone() {
	meta := b.out.meta
	at := meta.Database + "\x00" + meta.Source
	other := b.bound[at]
	if b.bound[at] = b.spec; other == nil {
		return
	}
	was, is := other.ref(), b.spec.ref()
	if first, second := address(was, b.schema[was.Name].Key), address(is, meta.Key); first != second {
		b.fault(b.spec.name.pos, b.path, "P101", "%s and %s are the same table of the database, and a row needs one address: the key is %s there and %s here",
			was.Name, meta.Name, first, second)
	}
	if name := disagree(was, is); name != "" {
		b.fault(b.spec.name.pos, b.path, "P101", "%s and %s are the same table of the database, and their columns need the same names: %s is another column here than there",
			was.Name, meta.Name, name)
	}
}

// details has a column take what clients send for it in the form that the file says.
func (b *tableBinder) details(spec *columnSpec) {
	path := b.path + ".columns." + spec.name.text
	c := b.column(spec.name, b.path+".columns")
	if c == nil {
		return
	}
	c.decode = spec.decoding(b.decodingOfKey(spec.table.text))
	b.checks(c, &spec.checks, path)
	switch {
	case c == b.out.key && b.out.meta.Parts != nil:
		b.fault(spec.name.pos, path, "", "%s is made of several columns; say it of those", spec.name.text)
	case spec.encoding.text != "" && encodings[spec.encoding.text].of != c.Type:
		allowed := "for which there is none"
		if names := encodingsOf(c.Type); len(names) > 0 {
			allowed = "for which there are " + strings.Join(names, ", ")
		}
		b.fault(spec.encoding.pos, path, "P102", "the encoding %s is for columns of type %s, but %s is %s, %s", spec.encoding.text, encodings[spec.encoding.text].of, spec.name.text, c.Type, allowed)
	case spec.zone != nil && c.Type != writegate.Timestamp:
		b.fault(spec.timezone.pos, path, "P102", "a time zone is for columns of type %s, but %s is %s", writegate.Timestamp, spec.name.text, c.Type)
	case spec.emptyString.text != "" && (c.Type == writegate.Text || c.Type == writegate.Any || spec.encoding.text == "json_text"):
		b.fault(spec.emptyString.pos, path, "P102", "%s can hold an empty text, which is a value like any other", spec.name.text)
	}
	if parent := b.schema[spec.table.text]; parent != nil && parent.Column(spec.other.text) == nil {
		b.fault(spec.other.pos, path+".references", "P101", "table %s has no column %q%s", parent.Name, spec.other.text, near.Hint(spec.other.text, columnNames(parent)))
	}
}

// decodingOfKey is what becomes of the keys that clients send for a table, and so of what refers to them. It is nil
// for no table.
func (b *binder) decodingOfKey(table string) func(any) (any, error) {
	meta := b.schema[table]
	if meta == nil {
		return nil
	}
	for i := range b.tables {
		if b.tables[i].name.text != table {
			continue
		}
		for j := range b.tables[i].columns {
			if c := &b.tables[i].columns[j]; c.name.text == meta.Key {
				return c.decoding(nil)
			}
		}
	}
	return nil
}
