package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"writegate/policy/internal/lang"
	"writegate/policy/internal/tree"
)

// used is a key of the language in a file.
type used struct {
	in    *lang.Shape
	field tree.Field
	key   *lang.Key
}

func keysIn(t *testing.T, file string) (text []byte, keys []used) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	root, err := tree.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	lang.Policy.Visit(root, "", func(in *lang.Shape, _ string, f tree.Field, k *lang.Key) { keys = append(keys, used{in, f, k}) })
	return text, keys
}

var everyKey = filepath.Join(policies, "every-key.yaml")

// TestEveryKey reads a policy that has every key of the language, so that the list has none that the reader doesn't know.
func TestEveryKey(t *testing.T) {
	text, keys := keysIn(t, everyKey)
	if _, err := Parse(everyKey, text); err != nil {
		t.Error(err)
	}
	there := map[string]bool{}
	for _, u := range keys {
		if u.key == nil {
			t.Errorf("%s: no key %s", u.in.Title, u.field.Name)
			continue
		}
		there[u.in.Title+" "+u.field.Name] = true
	}
	for _, s := range lang.Sections() {
		for _, k := range s.Keys {
			if !there[s.Title+" "+k.Name] {
				t.Errorf("%s has no %s: of %s", everyKey, k.Name, s.Title)
			}
		}
	}
}

// TestReadersKeys compares, for each map of that policy, the keys that are read with those on the list.
func TestReadersKeys(t *testing.T) {
	text, keys := keysIn(t, everyKey)
	root, err := tree.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	in := map[word]*lang.Shape{} // by one of its keys
	for _, u := range keys {
		in[word{u.field.Name, u.field.Pos}] = u.in
	}
	r := &reader{file: everyKey}
	r.reading = func(n *tree.Node, known []string) {
		if n.Kind != tree.Map || len(n.Fields) == 0 {
			return
		}
		shape := in[word{n.Fields[0].Name, n.Fields[0].Pos}]
		if shape == nil {
			return // what a short form stands for
		}
		for _, name := range known {
			if shape.Key(name) == nil && !slices.Contains(refusedKeys, shape.Title+" "+name) {
				t.Errorf("%d:%d: the reader takes %s: of %s, which is not on the list", n.Pos.Line, n.Pos.Column, name, shape.Title)
			}
		}
	}
	r.policy(r.lengthen(root))
}

// refusedKeys are read to be refused with better words.
var refusedKeys = []string{"Of a column read_only", "Of a column message_expr"}

// TestChoices has the reader take every word that the list has in a place, and no other.
func TestChoices(t *testing.T) {
	text, keys := keysIn(t, everyKey)
	lines := strings.SplitAfter(string(text), "\n")
	tried := map[string]bool{}
	for _, u := range keys {
		if u.key == nil || u.key.Shape.Choices() == nil || u.field.Value.Kind != tree.Scalar || tried[u.in.Title+u.field.Name] {
			continue
		}
		tried[u.in.Title+u.field.Name] = true
		at := u.field.Value.Pos
		with := func(word string) error {
			line := []rune(lines[at.Line-1])
			changed := slices.Clone(lines)
			rest := strings.TrimPrefix(strings.TrimPrefix(string(line[at.Column-1:]), `"`), u.field.Value.Text)
			changed[at.Line-1] = string(line[:at.Column-1]) + word + strings.TrimPrefix(rest, `"`)
			_, err := Parse(everyKey, []byte(strings.Join(changed, "")))
			return err
		}
		for _, word := range u.key.Shape.Choices() {
			if err := with(word); err != nil && strings.Contains(err.Error(), fmt.Sprintf(":%d:%d: ", at.Line, at.Column)) && !elsewhere.MatchString(err.Error()) {
				t.Errorf("%s: %s: %s: %v", u.in.Title, u.field.Name, word, err)
			}
		}
		if err := with("nonsense"); err == nil {
			t.Errorf("%s: %s: takes nonsense", u.in.Title, u.field.Name)
		}
	}
	if len(tried) < 15 {
		t.Errorf("only %d choices", len(tried))
	}
}

// elsewhere are faults of words that are right by themselves.
var elsewhere = regexp.MustCompile(`has no meaning|needs |is missing|is no |either|the default is no|is lost without a trace`)

// plainValue is a node as JSON has it.
func plainValue(n *tree.Node) any {
	switch n.Kind {
	case tree.Scalar:
		if v := any(nil); !n.Quoted && json.Unmarshal([]byte(n.Text), &v) == nil {
			return v
		}
		return n.Text
	case tree.List:
		out := []any{}
		for _, item := range n.Items {
			out = append(out, plainValue(item))
		}
		return out
	case tree.Map:
		out := map[string]any{}
		for _, f := range n.Fields {
			out[f.Name] = plainValue(f.Value)
		}
		return out
	case tree.Null:
	}
	return nil
}

// TestJSONSchema has editors accept every policy that is right, and refuse those with keys that there are not and values
// of another kind.
func TestJSONSchema(t *testing.T) {
	text, err := JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for _, pattern := range []string{"*.yaml", "short/*.yaml", "bad/*.yaml", "../../configs/policies/*.policy.yaml", "../../configs/examples/policies/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(policies, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			root, err := tree.Parse(text)
			if err != nil || root.Get("policy") == nil && pattern != "bad/*.yaml" {
				continue // a schema or a test
			}
			source, wrong := Parse(file, text)
			refusal := schema.Validate(plainValue(root))
			switch {
			case wrong == nil && len(source.faults) > 0:
			case wrong == nil && refusal != nil:
				t.Errorf("%s: %v", file, refusal)
			case wrong == nil:
				accepted++
			case refusal == nil && ofForm.MatchString(wrong.Error()):
				t.Errorf("%s is accepted: %v", file, wrong)
			}
		}
	}
	if accepted < 15 {
		t.Errorf("only %d policies accepted", accepted)
	}
}

// ofForm are faults that a JSON Schema shows.
var ofForm = regexp.MustCompile(`unknown key|expected one of|found a list|found keys with values|the key \w+: is missing`)

const referenceHead = `# Every key of a policy

<!-- Made from policy/internal/lang; after a change there: go test ./policy -run TestReference -update -->

What each key is for, in the order in which they are met. [The policy](policy.md) teaches the language, and [the language](policy-reference.md)
says what holds.
`

// TestReference makes docs/policy-keys.md from the list of keys, so that it is never stale.
func TestReference(t *testing.T) {
	const path = "../docs/policy-keys.md"
	got := referenceHead + lang.Reference()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}
