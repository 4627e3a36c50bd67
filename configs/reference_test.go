package configs_test

import (
	"encoding"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"
	"time"

	"writegate/configs"
)

const referenceHead = `# Configuration

<!-- Made from configs/config.go and circle.go; after a change there: go test ./configs -run TestReference -update -->

` + "`writegate serve --config FILE` and `writegate check --config FILE`" + ` read one YAML file. It is strict: a key that is not
listed here is an error, and so is one given twice. All faults are reported at once, as ` + "`file:line:column: path: what is\nwrong`" + `.

- ` + "`${NAME}`" + ` inside a value stands for an environment variable, which must be set and not empty; ` + "`${NAME:-default}`" + ` has a
  default; ` + "`$${`" + ` is a plain ` + "`${`" + `. A variable is a value: it can't add keys to the file.
- Sizes are bytes, or a number with KiB, MiB or GiB. Durations are numbers with ms, s, m or h.
- A list of one may be written without the brackets.
- Anchors, aliases and tags are not supported.
- Files are relative to the folder of the configuration.
- Secrets are printed as ` + "`<secret>`" + ` wherever they are printed.

Whole files to start from are in [configs/examples](../configs/examples).
`

// TestReference makes docs/configuration.md from the structs, so that it is never stale.
func TestReference(t *testing.T) {
	comments := map[string]string{} // by Type.Field
	for _, name := range []string{"config.go", "circle.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					comments[spec.Name.Name+"."+f.Names[0].Name] = f.Doc.Text()
				}
			}
			return false
		})
	}
	var out strings.Builder
	out.WriteString(referenceHead)
	section(t, &out, comments, "", reflect.ValueOf(*configs.Default()))
	golden(t, "../docs/configuration.md", out.String())
}

// section writes the table of one struct and then those of the structs in it.
func section(t *testing.T, out *strings.Builder, comments map[string]string, path string, v reflect.Value) {
	title := "The file"
	if path != "" {
		title = "`" + path + "`"
	}
	fmt.Fprintf(out, "\n## %s\n\n| key | | default |\n|---|---|---|\n", title)
	for _, f := range reflect.VisibleFields(v.Type()) {
		key := f.Tag.Get("yaml")
		comment := strings.Join(strings.Fields(comments[v.Type().Name()+"."+f.Name]), " ")
		what, ok := strings.CutPrefix(comment, f.Name+" ")
		if !ok {
			t.Errorf("%s.%s has no comment that begins with its name", v.Type().Name(), f.Name)
		}
		what = strings.TrimPrefix(strings.TrimPrefix(what, "is "), "are ")
		if values := f.Tag.Get("oneof"); values != "" {
			what += " One of `" + strings.ReplaceAll(values, ",", "`, `") + "`."
		}
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", key, strings.ToUpper(what[:1])+what[1:], defaultOf(f, v.FieldByIndex(f.Index)))
	}
	for _, f := range reflect.VisibleFields(v.Type()) {
		below := strings.TrimPrefix(path+"."+f.Tag.Get("yaml"), ".")
		switch {
		case f.Type.Kind() == reflect.Struct:
			section(t, out, comments, below, v.FieldByIndex(f.Index))
		case f.Type == reflect.TypeFor[map[string]configs.Circle]():
			section(t, out, comments, below+".NAME", reflect.Zero(f.Type.Elem()))
		}
	}
}

func defaultOf(f reflect.StructField, v reflect.Value) string {
	if f.Tag.Get("required") != "" {
		return "required"
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		if x == 0 {
			return ""
		}
		return "`" + short(x) + "`"
	case configs.Secret, configs.JSON:
		return ""
	case encoding.TextMarshaler:
		text, _ := x.MarshalText()
		return "`" + string(text) + "`"
	case []string:
		if len(x) == 0 {
			return ""
		}
		return "`[\"" + strings.Join(x, `", "`) + "\"]`"
	case string, int, bool:
		if v.IsZero() {
			return ""
		}
		return fmt.Sprintf("`%v`", x)
	}
	return "" // a section of its own
}

// short writes 2m where Go writes 2m0s.
func short(d time.Duration) string {
	text := d.String()
	if d%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
