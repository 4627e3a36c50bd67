package schemafile

import (
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"writegate"
)

// isBrief tells the brief form that people write by hand, {table: {column: type}}, by the lack of the keys of the
// long one.
func isBrief(body ast.Node) bool {
	mapping, ok := body.(*ast.MappingNode)
	return ok && len(mapping.Values) > 0 && !slices.ContainsFunc(mapping.Values, func(pair *ast.MappingValueNode) bool {
		_, isMap := pair.Value.(*ast.MappingNode)
		name := pair.Key.GetToken().Value
		return !isMap || name == "tables" || name == "databases"
	})
}

// brief reads the brief form: tables with columns and their types. The key of each is its column id.
func (r *reader) brief(body ast.Node, f *File) {
	r.each(body, "", func(name string, key, n ast.Node) {
		t := Table{Name: name, Source: name, Key: "id"}
		r.each(n, name, func(column string, _, value ast.Node) {
			t.Columns = append(t.Columns, r.briefColumn(join(name, column), column, value))
		})
		slices.SortFunc(t.Columns, func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
		if t.column("id") == nil {
			r.fault(key, name, "there is no column id, which is the key in the brief form; say schema: 1 for any other")
		}
		f.Tables = append(f.Tables, t)
	})
}

// briefTypes are the words of the brief form that are not those of the long one.
var briefTypes = map[string]writegate.Type{
	"timestamptz": writegate.Timestamp, "string": writegate.Text, "bytes": writegate.Binary, "jsonb": writegate.Document,
}

var enumeration = regexp.MustCompile(`^enum\((.*)\)$`)

// briefColumn reads a type: a word, a word with [] for a list of such, or enum(a,b), each with ! where null is not
// allowed. Whether the database has a default for the column is not said, so it is taken to have one.
func (r *reader) briefColumn(path, name string, n ast.Node) Column {
	c := Column{Name: name}
	text, ok := r.text(n, path)
	if !ok {
		return c
	}
	word, required := strings.CutSuffix(text, "!")
	c.Nullable, c.Native, c.HasDefault = !required, word, required && name != "id"
	item, isList := strings.CutSuffix(word, "[]")
	if m := enumeration.FindStringSubmatch(word); m != nil {
		c.Type = writegate.Other
		for value := range strings.SplitSeq(m[1], ",") {
			c.Values = append(c.Values, strings.TrimSpace(value))
		}
		return c
	}
	if c.Type = briefTypes[item]; c.Type == writegate.Any {
		c.Type = typeOf(item)
	}
	if c.Type == writegate.Any && item != writegate.Any.String() {
		r.fault(n, path, "unknown type %q; there are %s, a type with [] for a list, and enum(a,b)", word, strings.Join(typeNames(), ", "))
	}
	if isList {
		c.Type = writegate.List
	}
	return c
}
