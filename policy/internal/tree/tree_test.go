package tree

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const sample = `plain: a == b
single: 'it''s "x" == y'
double: "tab\tand \"q\" == z"
folded: >-
  one
    && two

  && three
literal: |
  first
  second == 2
lines: a
  == b
unicode: "ö == ü"
`

func TestLocate(t *testing.T) {
	root, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(sample, "\n")
	for _, c := range []struct {
		key, word    string // where this word begins in the value ...
		line, column int    // ... is here in the file
	}{
		{"plain", "==", 1, 10},
		{"single", "==", 2, 20},
		{"single", "y", 2, 23},
		{"double", "==", 3, 25},
		{"folded", "two", 6, 8},
		{"folded", "three", 8, 6},
		{"literal", "first", 10, 3},
		{"literal", "==", 11, 10},
		{"lines", "==", 13, 3},
		{"unicode", "==", 14, 13},
		{"unicode", "ü", 14, 16},
	} {
		var node *Node
		for _, f := range root.Fields {
			if f.Name == c.key {
				node = f.Value
			}
		}
		before, _, ok := strings.Cut(node.Text, c.word)
		if !ok {
			t.Fatalf("%s: %q has no %q", c.key, node.Text, c.word)
		}
		line := strings.Count(before, "\n") + 1
		column := len([]rune(before[strings.LastIndex(before, "\n")+1:]))
		if got := node.Locate(line, column); got != (Pos{c.line, c.column}) {
			t.Errorf("%s %q: got %v, want %d:%d (%q)", c.key, c.word, got, c.line, c.column, lines[c.line-1])
		}
	}
}

func TestKinds(t *testing.T) {
	root, err := Parse([]byte("a: 1\nb: \"1\"\nc: null\nd:\ne: [x, {y: z}]\nf: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		kind   Kind
		text   string
		quoted bool
	}{{Scalar, "1", false}, {Scalar, "1", true}, {Null, "", false}, {Null, "", false}, {List, "", false}, {Scalar, "true", false}}
	for i, f := range root.Fields {
		if v := f.Value; v.Kind != want[i].kind || v.Text != want[i].text || v.Quoted != want[i].quoted {
			t.Errorf("%s: got %+v", f.Name, v)
		}
	}
	if got := string(root.Canonical()); got != `{"a":"1","b":"1","c":null,"d":null,"e":["x",{"y":"z"}],"f":"true"}` {
		t.Errorf("canonical form %s", got)
	}
}

func TestRefusedTexts(t *testing.T) {
	for name, text := range map[string]string{
		"flow depth":       strings.Repeat("[", 100_000),
		"block depth":      strings.Repeat("- ", 100_000) + "x",
		"indentation":      strings.Repeat(" ", 100_000) + "x",
		"size":             strings.Repeat("a", maxBytes+1),
		"encoding":         "a: \xff",
		"tag":              "a: !!str 1",
		"merge":            "a: {b: 1}\n<<: {c: 2}",
		"key that's a map": "{[a]: b}",
		"anchors":          "a: &x 1\nb: *x",
		"two":              "a: 1\n---\nb: 1",
	} {
		t.Run(name, func(t *testing.T) {
			if n, err := Parse([]byte(text)); err == nil {
				t.Errorf("read as %s", n.Canonical())
			}
		})
	}
}

// TestLocateInAMadeNode has nothing to look into.
func TestLocateInAMadeNode(t *testing.T) {
	n := &Node{Kind: Scalar, Pos: Pos{Line: 3, Column: 7}, Text: "a == b"}
	if got := n.Locate(1, 5); got != n.Pos {
		t.Errorf("%v, want the place of the node, %v", got, n.Pos)
	}
}
