package configs

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// decoder walks the file and the structs side by side. It goes on after a fault, so that one run finds all.
type decoder struct {
	file   string
	env    func(string) (string, bool)
	faults Faults
	// at has the value of each path that the file gives, for faults that are found later.
	at map[string]ast.Node
	// broken says that the file as a whole could not be read, so that nothing is known about what it lacks.
	broken bool
}

// fault notes what is wrong at a node; a nil node is the beginning of the file.
func (d *decoder) fault(n ast.Node, path, format string, args ...any) {
	f := Fault{File: d.file, Line: 1, Column: 1, Path: path, Message: fmt.Sprintf(format, args...)}
	if n != nil && n.GetToken() != nil && n.GetToken().Position != nil {
		p := start(n).Position
		f.Line, f.Column = p.Line, p.Column
	}
	d.faults = append(d.faults, f)
}

// mapping fills a struct. It returns after every key was looked at.
func (d *decoder) mapping(path string, n ast.Node, into reflect.Value) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.fault(n, path, "must be a mapping of keys to values, not %s", kindOf(n))
		d.broken = d.broken || path == ""
		return
	}
	fields := fieldsOf(into.Type())
	seen := map[string]bool{}
	for _, pair := range m.Values {
		name := pair.Key.String()
		if key, ok := pair.Key.(*ast.StringNode); ok {
			name = key.Value
		}
		here := join(path, name)
		field, known := fields[name]
		switch {
		case !known:
			d.fault(pair.Key, here, "%s", unknown(name, keysOf(into.Type())))
		case seen[name]:
			d.fault(pair.Key, here, "given twice")
		default:
			d.at[here] = pair.Value
			d.value(here, pair.Value, into.FieldByIndex(field.Index), field.Tag)
		}
		seen[name] = true
	}
}

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

func (d *decoder) value(path string, n ast.Node, into reflect.Value, tag reflect.StructTag) {
	switch {
	case into.Type() == reflect.TypeFor[JSON]():
		if text, ok := d.json(path, n); ok {
			into.SetBytes(text)
		}
	case into.Kind() == reflect.Struct:
		d.mapping(path, n, into)
	case into.Kind() == reflect.Slice:
		d.list(path, n, into, tag)
	case into.Kind() == reflect.Map:
		d.named(path, n, into, tag)
	default:
		if text, ok := d.scalar(path, n); ok {
			if err := setText(into, text, tag); err != nil {
				d.fault(n, path, "%v", err)
			}
		}
	}
}

// named fills a map whose keys are the user's own names.
func (d *decoder) named(path string, n ast.Node, into reflect.Value, tag reflect.StructTag) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.fault(n, path, "must be a mapping of names to values, not %s", kindOf(n))
		return
	}
	into.Set(reflect.MakeMap(into.Type()))
	for _, pair := range m.Values {
		name := pair.Key.String()
		if key, ok := pair.Key.(*ast.StringNode); ok {
			name = key.Value
		}
		here := join(path, name)
		key := reflect.ValueOf(name)
		switch {
		case name == "":
			d.fault(pair.Key, path, "a name is empty")
			continue
		case into.MapIndex(key).IsValid():
			d.fault(pair.Key, here, "given twice")
			continue
		}
		d.at[here] = pair.Value
		value := reflect.New(into.Type().Elem()).Elem()
		if db, ok := reflect.TypeAssert[*Database](value.Addr()); ok {
			*db = defaultDatabase()
		}
		d.value(here, pair.Value, value, tag)
		into.SetMapIndex(key, value)
	}
}

// list takes a list of scalars, or one scalar that stands for a list of one.
func (d *decoder) list(path string, n ast.Node, into reflect.Value, tag reflect.StructTag) {
	items := []ast.Node{n}
	switch n := n.(type) {
	case *ast.SequenceNode:
		items = n.Values
	case *ast.MappingNode:
		d.fault(n, path, "must be a list, or a single value, not a mapping")
		return
	}
	list := reflect.MakeSlice(into.Type(), len(items), len(items))
	for i, item := range items {
		here := path
		if len(items) > 1 || items[0] != n {
			here = path + "[" + strconv.Itoa(i) + "]"
			d.at[here] = item
		}
		d.value(here, item, list.Index(i), tag)
	}
	into.Set(list)
}

// scalar returns the text of a scalar after expansion.
func (d *decoder) scalar(path string, n ast.Node) (string, bool) {
	var text string
	switch n := n.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.LiteralNode:
		text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		d.fault(n, path, "has no value; give one, or leave the key out")
		return "", false
	default:
		d.fault(n, path, "must be a single value, not %s", kindOf(n))
		return "", false
	}
	text, err := expand(text, d.env)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			d.fault(n, path, "%s", line)
		}
	}
	return text, err == nil
}

// setText sets a field from the text of a scalar. Its errors say what is allowed and leave the text out,
// since it may come from the environment.
func setText(into reflect.Value, text string, tag reflect.StructTag) error {
	if into.Addr().Type().Implements(textType) {
		return into.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	}
	switch into.Interface().(type) {
	case time.Duration:
		v, err := time.ParseDuration(text)
		if err != nil || v < 0 {
			return fmt.Errorf("not a duration; write a number with ms, s, m or h such as 30s")
		}
		into.SetInt(int64(v))
	case int:
		v, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fmt.Errorf("not a whole number")
		}
		into.SetInt(v)
	case bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("must be true or false")
		}
		into.SetBool(text == "true")
	case string:
		if allowed := tag.Get("oneof"); allowed != "" && !slices.Contains(strings.Split(allowed, ","), text) {
			return fmt.Errorf("must be one of %s", listed(allowed))
		}
		into.SetString(text)
	default:
		panic("configs: a field of type " + into.Type().String())
	}
	return nil
}

// oneOf lists what a key of a mapping may be.
func oneOf(t reflect.Type, key string) string { return listed(fieldsOf(t)[key].Tag.Get("oneof")) }

func listed(allowed string) string { return strings.ReplaceAll(allowed, ",", ", ") }

func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(t) {
		fields[f.Tag.Get("yaml")] = f
	}
	return fields
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for _, f := range reflect.VisibleFields(t) {
		keys = append(keys, f.Tag.Get("yaml"))
	}
	return keys
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
