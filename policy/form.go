package policy

import (
	"slices"

	"writegate/policy/internal/lang"
	"writegate/policy/internal/tree"
)

// stray is a key that the language does not have, in the place where it is.
type stray struct {
	field      tree.Field
	path, hint string
}

// strays finds them, and what was probably meant.
func (r *reader) strays(root *tree.Node) {
	lang.Policy.Visit(root, "", func(in *lang.Shape, path string, f tree.Field, k *lang.Key) {
		if k == nil {
			r.stray = append(r.stray, stray{f, path, in.Hint(f.Name)})
		}
	})
}

// hint is what was probably meant by a key that nothing reads.
func (r *reader) hint(f tree.Field, otherwise string) string {
	for _, s := range r.stray {
		if s.field.Pos == f.Pos {
			return s.hint
		}
	}
	return otherwise
}

// refuseStrays reports those of them that were not refused when they were read: the list of keys in [lang] is whole, or
// nobody could use what it lacks.
func (r *reader) refuseStrays() {
	for _, s := range r.stray {
		if !slices.ContainsFunc(r.faults, func(f Fault) bool {
			at := tree.Pos{Line: f.Line, Column: f.Column}
			return at == s.field.Pos || at == s.field.Value.Pos
		}) {
			r.fault(s.field.Pos, s.path, "", "unknown key %q%s", s.field.Name, s.hint)
		}
	}
}

// JSONSchema is the language as a JSON Schema, for editors. What it refuses is no policy; what it accepts may still be
// wrong.
func JSONSchema() ([]byte, error) { return lang.JSONSchema() }
