package policy

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"writegate/policy/internal/near"
	"writegate/policy/internal/tree"
)

// checksSpec is what has to hold for the values of a column, or for the items of a list.
type checksSpec struct {
	at       map[string]tree.Pos // of the values of the keys that are there
	numbers  map[string]int64    // of the keys that have one
	min, max word
	span     interval
	enum     []word
	pattern  *regexp.Regexp
	format   string
	schema   *jsonschema.Schema
	trim     bool
	items    *checksSpec
	message  word
}

// The limits of a pattern.
const (
	maxPattern = 1000 // characters
	maxProgram = 1000 // instructions when it is compiled
)

// checks are the keys of a column that say what has to hold for its values.
func (r *reader) checks(path string, s *checksSpec) map[string]func(*tree.Node) {
	known := r.itemChecks(path, s)
	known["trim"] = r.boolean(path, &s.trim)
	known["range"] = r.interval(path, &s.span)
	known["max_bytes"] = r.count(path, s, "max_bytes", r.size)
	for _, key := range []string{"min_items", "max_items"} {
		known[key] = r.count(path, s, key, r.least(0))
	}
	known["max_depth"] = r.count(path, s, "max_depth", r.least(1))
	known["json_schema"] = r.schema(path, &s.schema)
	known["items"] = func(n *tree.Node) {
		s.items = &checksSpec{}
		r.keys(n, path+".items", s.items.noting(r.itemChecks(path+".items", s.items)))
	}
	known["message"] = func(n *tree.Node) { s.message = r.line(n, path) }
	known["message_expr"] = func(n *tree.Node) {
		r.fault(n.Pos, path, "P230", "a column is looked at before it is known whether the caller may know of the row, so nothing of the row can be told; use message:")
	}
	return s.noting(known)
}

// itemChecks are those of them that a list can have for its items.
func (r *reader) itemChecks(path string, s *checksSpec) map[string]func(*tree.Node) {
	return map[string]func(*tree.Node){
		"min_len": r.count(path, s, "min_len", r.least(0)),
		"max_len": r.count(path, s, "max_len", r.least(0)),
		"min":     func(n *tree.Node) { s.min = r.word(n, path) },
		"max":     func(n *tree.Node) { s.max = r.word(n, path) },
		"enum":    r.some(path+".enum", &s.enum),
		"pattern": func(n *tree.Node) { s.pattern = r.pattern(r.word(n, path), path) },
		"format": func(n *tree.Node) {
			w := r.word(n, path)
			if s.format = w.text; formats[w.text].is == nil {
				r.fault(w.pos, path, "", "unknown format %q%s; there are %s", w.text, near.Hint(w.text, formatNames()), strings.Join(formatNames(), ", "))
			}
		},
	}
}

// noting has the place of each value noted when it is read.
func (s *checksSpec) noting(known map[string]func(*tree.Node)) map[string]func(*tree.Node) {
	s.at, s.numbers = map[string]tree.Pos{}, map[string]int64{}
	for key, read := range maps.Clone(known) {
		known[key] = func(n *tree.Node) {
			s.at[key] = n.Pos
			read(n)
		}
	}
	return known
}

// count reads a number of the given kind.
func (r *reader) count(path string, s *checksSpec, key string, kind func(string, *int64) func(*tree.Node)) func(*tree.Node) {
	return func(n *tree.Node) {
		var v int64
		kind(path+"."+key, &v)(n)
		s.numbers[key] = v
	}
}

func (r *reader) least(low int64) func(string, *int64) func(*tree.Node) {
	return func(path string, into *int64) func(*tree.Node) { return integer(r, path, low, into) }
}

// pattern compiles a regular expression for the whole of a value.
func (r *reader) pattern(w word, path string) *regexp.Regexp {
	whole := `\A(?:` + w.text + `)\z`
	parsed, err := syntax.Parse(w.text, syntax.Perl)
	if err == nil {
		parsed, err = syntax.Parse(whole, syntax.Perl)
	}
	if err != nil {
		r.fault(w.pos, path, "P102", "the pattern is no regular expression: %s", plainPattern(err))
		return nil
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len([]rune(w.text)) > maxPattern || len(program.Inst) > maxProgram {
		r.fault(w.pos, path, "P310", "the pattern is too large: it has at most %d characters, and what it repeats counts as often as it is repeated", maxPattern)
		return nil
	}
	return regexp.MustCompile(whole)
}

func plainPattern(err error) string {
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return fmt.Sprintf("%s in %s", e.Code, quote(e.Expr))
	}
	return err.Error()
}
