package schemafile

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"writegate"
)

// What bounds the files that are read: far above what the tables of a database need, and below what would hurt.
const (
	maxBytes  = 16 << 20
	maxOpen   = 4096 // brackets, those in quotes too
	maxIndent = 256
)

// Load reads and checks a file. What is wrong with its text is of type [Faults], all at once.
func Load(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("schema file: %w", err)
	}
	return Parse(path, text)
}

// Parse reads and checks a text. The name stands for the file in messages. All that is wrong is reported at once,
// as [Faults].
func Parse(name string, text []byte) (*File, error) {
	r := &reader{file: name}
	f := &File{}
	switch {
	case len(text) > maxBytes:
		r.fault(nil, "", "larger than %d bytes", maxBytes)
	case !utf8.Valid(text):
		r.fault(nil, "", "not valid UTF-8")
	case tooDeep(text):
		r.fault(nil, "", "nested too deeply")
	default:
		if body := r.document(text); body != nil {
			r.read(body, f)
		}
	}
	if len(r.faults) > 0 {
		return nil, sorted(r.faults)
	}
	f.sort()
	return f, nil
}

// tooDeep bounds what the parser, which recurses, gets to see.
func tooDeep(text []byte) bool {
	open := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		lead := line[:len(line)-len(strings.TrimLeft(line, " -?"))]
		if len(lead) > maxIndent {
			return true
		}
		for _, c := range []byte(line) {
			switch c {
			case '[', '{':
				if open++; open > maxOpen {
					return true
				}
			case ']', '}':
				open = max(0, open-1)
			}
		}
	}
	return false
}

func (r *reader) read(body ast.Node, f *File) {
	if isBrief(body) {
		r.brief(body, f)
		return
	}
	version := ""
	r.fields(body, "", map[string]func(string, ast.Node){
		"schema": func(path string, n ast.Node) {
			if version, _ = r.text(n, path); version != "1" {
				r.fault(n, path, "this version reads schema: 1")
			}
		},
		"databases": func(path string, n ast.Node) {
			r.each(n, path, func(name string, _, value ast.Node) {
				if f.Databases == nil {
					f.Databases = map[string]Database{}
				}
				var db Database
				r.fields(value, join(path, name), map[string]func(string, ast.Node){"driver": r.word(&db.Driver), "server": r.word(&db.Server)})
				f.Databases[name] = db
			})
		},
		"tables": func(path string, n ast.Node) {
			r.each(n, path, func(name string, key, value ast.Node) {
				f.Tables = append(f.Tables, r.table(join(path, name), name, key, value))
			})
		},
	})
	if _, isMap := body.(*ast.MappingNode); isMap && version == "" {
		r.fault(body, "", "the key schema: is missing; this version reads schema: 1")
	}
}

func (r *reader) table(path, name string, key, n ast.Node) Table {
	t := Table{Name: name, Source: name}
	fingerprint := ""
	var stamped ast.Node
	before := len(r.faults)
	r.fields(n, path, map[string]func(string, ast.Node){
		"database": r.word(&t.Database),
		"source":   r.word(&t.Source),
		"key":      r.key(&t),
		"fingerprint": func(path string, n ast.Node) {
			stamped = n
			r.word(&fingerprint)(path, n)
		},
		"columns": func(path string, n ast.Node) {
			r.each(n, path, func(name string, _, value ast.Node) {
				t.Columns = append(t.Columns, r.column(join(path, name), name, value))
			})
		},
		"indexes": func(path string, n ast.Node) { r.indexes(path, n, &t) },
	})
	if len(r.faults) > before {
		return t
	}
	slices.SortFunc(t.Columns, func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(t.Indexes, compareIndexes)
	switch {
	case t.Key == "":
		r.fault(key, path, "the key key: is missing, the column that clients call id")
	case t.Parts == nil && t.column(t.Key) == nil:
		r.fault(key, path+".key", "there is no column %q", t.Key)
	case t.Parts != nil && t.column(t.Key) != nil:
		r.fault(key, path+".key", "a column has the name of the key of several columns")
	case stamped != nil && fingerprint != t.Fingerprint():
		r.fault(stamped, path+".fingerprint", "the table was changed by hand after it was pulled; pull it again, or take the fingerprint out")
	}
	for _, part := range t.Parts {
		if t.column(part) == nil {
			r.fault(key, path+".key", "there is no column %q", part)
		}
	}
	for _, index := range t.Indexes {
		for _, name := range index.Columns {
			if t.column(name) == nil {
				r.fault(key, path+".indexes", "there is no column %q", name)
			}
		}
	}
	return t
}

// indexes reads a list of indexes: each is the list of its columns, or a mapping of unique to it.
func (r *reader) indexes(path string, n ast.Node, t *Table) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fault(n, path, "must be a list")
		return
	}
	t.Indexes = []writegate.Index{}
	for _, item := range sequence.Values {
		index, before := writegate.Index{}, len(r.faults)
		if _, index.Unique = item.(*ast.MappingNode); index.Unique {
			r.fields(item, path, map[string]func(string, ast.Node){"unique": r.list(&index.Columns)})
		} else {
			r.list(&index.Columns)(path, item)
		}
		if len(index.Columns) == 0 && len(r.faults) == before {
			r.fault(item, path, "an index has at least one column")
		}
		t.Indexes = append(t.Indexes, index)
	}
}

// key reads the name of a column, or a mapping for several.
func (r *reader) key(t *Table) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		if _, several := n.(*ast.MappingNode); !several {
			r.word(&t.Key)(path, n)
			return
		}
		t.Key, t.Separator = "id", writegate.DefaultSeparator
		r.fields(n, path, map[string]func(string, ast.Node){
			"name": r.word(&t.Key), "columns": r.list(&t.Parts), "separator": r.word(&t.Separator),
		})
		if len(t.Parts) < 2 {
			r.fault(n, path, "columns: has to list at least two; write the name alone for one")
		}
	}
}

func (r *reader) column(path, name string, n ast.Node) Column {
	c := Column{Name: name, Nullable: true}
	typed := func(path string, n ast.Node) {
		text, ok := r.text(n, path)
		word, required := strings.CutSuffix(text, "!")
		c.Nullable = !required
		if c.Type, c.Native = typeOf(word), word; ok && c.Type.String() != word {
			r.fault(n, path, "unknown type %q; there are %s", word, strings.Join(typeNames(), ", "))
		}
	}
	if _, isMap := n.(*ast.MappingNode); !isMap {
		typed(path, n)
		return c
	}
	native, given := "", false
	c.Type = writegate.Other + 1
	r.fields(n, path, map[string]func(string, ast.Node){
		"type": typed, "default": r.truth(&c.HasDefault), "read_only": r.truth(&c.ReadOnly), "values": r.list(&c.Values),
		"native": func(path string, n ast.Node) { native, given = "", true; native, _ = r.text(n, path) },
	})
	if c.Type > writegate.Other {
		r.fault(n, path, "the key type: is missing")
	}
	if given {
		c.Native = native
	}
	return c
}

func typeOf(name string) writegate.Type {
	for t := range writegate.Other + 1 {
		if t.String() == name {
			return t
		}
	}
	return writegate.Any
}

func typeNames() []string {
	var names []string
	for t := range writegate.Other + 1 {
		names = append(names, t.String())
	}
	return names
}
