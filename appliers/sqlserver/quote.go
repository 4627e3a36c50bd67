package sqlserver

import "strings"

// quote writes an identifier in brackets.
func quote(name string) string { return "[" + strings.ReplaceAll(name, "]", "]]") + "]" }

// literal writes a name of the configuration as a text literal, where a statement takes no parameter.
func literal(text string) string { return "N'" + strings.ReplaceAll(text, "'", "''") + "'" }

// qualified writes a table's name with its schema.
func qualified(schema, name string) string { return quote(schema) + "." + quote(name) }

func schemaName(schema string) string {
	if schema == "" {
		return "writegate"
	}
	return schema
}
