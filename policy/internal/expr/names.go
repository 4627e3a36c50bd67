package expr

import (
	"regexp"
	"slices"

	"cel.dev/cel-go/common/types"

	"writegate"
)

// Arg is an argument of a lookup or a definition.
type Arg struct {
	Name string
	// Type is one of [ArgTypes].
	Type string
}

// ArgTypes lists the types that an argument can have.
func ArgTypes() []string {
	return []string{"text", "uuid", "bool", "int", "float", "timestamp", "date", "binary", "text[]", "any"}
}

// IsArgType reports whether a word names a type of arguments.
func IsArgType(name string) bool { return argTypes[name] != nil }

// TypeOf is the type of an argument that is compared with a column.
func TypeOf(col *writegate.Column) string {
	switch columnKind(col.Type) {
	case types.StringKind:
		return "text"
	case types.BoolKind:
		return "bool"
	case types.IntKind:
		return "int"
	case types.DoubleKind:
		return "float"
	case types.BytesKind:
		return "binary"
	case types.TimestampKind:
		return "timestamp"
	}
	return "any"
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// words are names that the language keeps for itself.
var words = []string{
	"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
	"package", "namespace", "return", "var", "void", "while", "changed", "optional", "google", "cel",
}

// Free says why a lookup, a definition, a variable or an argument can't have a name, or nothing when it can.
func (c *Compiler) Free(name string) string {
	switch {
	case !identifier.MatchString(name):
		return "a name consists of letters, digits and _"
	case reserved(name), slices.Contains(words, name):
		return "the name belongs to the language"
	case c.lookups[name] != nil, c.defs[name] != nil:
		return "the name is taken"
	}
	for _, m := range c.base.Macros() {
		if m.Function() == name {
			return "the name belongs to the language"
		}
	}
	if c.base.HasFunction(name) {
		return "the name belongs to the language"
	}
	if _, known := c.base.CELTypeProvider().FindIdent(name); known {
		return "the name belongs to the language"
	}
	return ""
}
