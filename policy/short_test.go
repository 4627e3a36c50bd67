package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate/policy/internal/tree"
)

// TestShortForms compares what the short forms stand for with what is written beside them.
func TestShortForms(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(policies, "short", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			root, err := tree.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			r := &reader{file: filepath.Base(file)}
			long := r.lengthen(root)
			if len(r.faults) > 0 {
				t.Fatal(r.faults)
			}
			again := r.lengthen(long)
			if diff := cmp.Diff(string(long.Canonical()), string(again.Canonical())); diff != "" || len(r.faults) > 0 {
				t.Errorf("the long form is not its own: %v%s", r.faults, diff)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".long"
			if *update {
				if err := os.WriteFile(golden, long.Write(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(long.Write())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLong reads policies back from their long form: they are the same, and have the same revision.
func TestLong(t *testing.T) {
	n := 0
	for _, pattern := range []string{"*.policy.yaml", "todo.yaml", "every-key.yaml", "short/*.yaml", "../../configs/policies/*.policy.yaml"} {
		files, err := filepath.Glob(filepath.Join(policies, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			s, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			long, err := Parse(file, s.Long())
			if err != nil {
				t.Fatalf("%s: %v\n%s", file, err, s.Long())
			}
			if diff := cmp.Diff(string(s.canonical), string(long.canonical)); diff != "" {
				t.Errorf("%s: %s", file, diff)
			}
			n++
		}
	}
	if n < 10 {
		t.Errorf("only %d policies", n)
	}
}

// TestShortNumberedRows has rights follow three rows whose keys are numbers.
func TestShortNumberedRows(t *testing.T) {
	const text = `policy: 1
me: sub
engine: {limits: {lookup_depth: 3}}
tables:
  a: {owner: owner}
  b: {parent: {a_id: a}}
  c: {parent: {b_id: b}}
  d: {parent: {c_id: c}, write: [text]}
`
	b := bind(t, text, "a: id int!, owner text!\nb: id int!, a_id int\nc: id int!, b_id int\nd: id int!, c_id int, text text")
	rule := b.tables["d"].creates[0]
	if diff := cmp.Diff([]string{"a_row", "b_row", "c_row"}, rule.create.Lookups); diff != "" || rule.create.Depth != 3 {
		t.Errorf("depth %d: %s", rule.create.Depth, diff)
	}
}

// FuzzLong has no short form stand for something that can't be read, or for something else the second time.
func FuzzLong(f *testing.F) {
	for _, file := range []string{"short/todo.yaml", "short/everything.yaml", "bad/short.yaml", "bad/short-columns.yaml"} {
		text, err := os.ReadFile(filepath.Join(policies, file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("p.yaml", text)
		if err != nil {
			return
		}
		long, err := Parse("p.yaml", s.Long())
		if err != nil {
			t.Fatalf("%v\n%s", err, s.Long())
		}
		if diff := cmp.Diff(string(s.canonical), string(long.canonical)); diff != "" {
			t.Error(diff)
		}
	})
}
