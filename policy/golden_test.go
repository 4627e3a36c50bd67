package policy

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "accept what the policies in testdata give")

const badSchema = todoSchema + `docs: id text!, state enum(draft|sent)!=, size int~
blobs: id text!, data binary, at time, day date, body json, n int, name text, any any
numbered: uuid uuid!, id int!=, name text
stock(item,store): item int!, store text!, qty int`

// TestFaults loads every file of testdata/policies/bad and compares all that is wrong with the text beside it.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(policies, "bad", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Parse(file, text)
			if err == nil {
				_, err = s.Bind(schema(badSchema))
			}
			var faults Faults
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("the file loads, or fails otherwise: %v", err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			got := strings.ReplaceAll(err.Error(), filepath.Dir(file)+"/", "") + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	s, err := Load(filepath.Join(policies, "todo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name() != "todo" {
		t.Errorf("name %q", s.Name())
	}
	if _, err := Load(filepath.Join(policies, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
