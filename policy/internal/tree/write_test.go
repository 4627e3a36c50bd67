package tree

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shape is what Write has to keep.
type shape struct {
	Kind   Kind
	Text   string
	Quoted bool // where it matters
	Items  []shape
	Names  []string
}

func shapeOf(n *Node) shape {
	s := shape{Kind: n.Kind, Text: n.Text, Quoted: n.Quoted && bare.MatchString(n.Text)}
	for _, item := range n.Items {
		s.Items = append(s.Items, shapeOf(item))
	}
	for _, f := range n.Fields {
		s.Names = append(s.Names, f.Name)
		s.Items = append(s.Items, shapeOf(f.Value))
	}
	return s
}

func rewritten(t *testing.T, n *Node) {
	t.Helper()
	text := n.Write()
	back, err := Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(shapeOf(n), shapeOf(back)); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
}

func TestWrite(t *testing.T) {
	for _, text := range []string{
		sample, "a: 1\nb: \"1\"\nc: null\nd:\ne: [x, {y: z}]\nf: true\n", "[]", "{}", "x", "null", "- [a, [b]]\n- - x: {}\n- {name: q}",
		`{"a b": "x: y", "#": "# x", c: "a #b", d: "- x", e: "", f: " x ", g: "it's \"so\"", h: "~", "null": 'null', i: "---"}`,
		"a: 'x\u2028y'\nb: \"\\u0007\"\nc: \"x\\ny\"\nd: 'true'\ne: \"@x\"\nf: \"%x\"\ng: \"!x\"\nh: '&x'\ni: '*'",
		"a: 1..100\nb: ..5\nc: -1..\nd: .nan\ne: 0x10\nf: \"0x10\"\ng: 1e3\nh: a:b\ni: 'a: b'\nj: 12:30:45\nk: {\"P:-\": \"<<\", \"V<<\": x}",
	} {
		n, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		rewritten(t, n)
	}
	files, err := filepath.Glob("../../../testdata/policies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := Parse(text); err == nil {
			rewritten(t, n)
		}
	}
}

func FuzzWrite(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"a b": ["x: y", '#', {}], "": null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, err := Parse(text); err == nil {
			rewritten(t, n)
		}
	})
}
