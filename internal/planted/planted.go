// Package planted breaks a source file on purpose, for one build of it, to see that somebody notices.
package planted

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/txtar"
)

// Fault is a text of a source file, and the wrong one to put in its place.
type Fault struct {
	// Name is that of the file which describes it.
	Name string
	// Values are the lines "key: value" of its comment, file among them.
	Values map[string]string

	source string
	broken []byte
}

// Read reads a txtar archive: the comment says what is broken and, in lines "key: value", which file of the tree and
// whatever else its reader wants; the part "old", which has to be in the file exactly once, is replaced by "new".
func Read(root, path string) (*Fault, error) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	f := &Fault{Name: strings.TrimSuffix(filepath.Base(path), ".txtar"), Values: map[string]string{}}
	for line := range strings.Lines(string(archive.Comment)) {
		if key, value, ok := strings.Cut(line, ":"); ok && !strings.Contains(key, " ") {
			f.Values[key] = strings.TrimSpace(value)
		}
	}
	file := f.Values["file"]
	if file == "" || len(archive.Files) != 2 {
		return nil, fmt.Errorf("%s: want the line file:, and the parts old and new", path)
	}
	f.source = filepath.Join(root, filepath.FromSlash(file))
	text, err := os.ReadFile(f.source)
	if err != nil {
		return nil, err
	}
	old, broken := bytes.TrimRight(archive.Files[0].Data, "\n"), bytes.TrimRight(archive.Files[1].Data, "\n")
	if n := bytes.Count(text, old); n != 1 {
		return nil, fmt.Errorf("%s: the old text occurs %d times in %s, want once", path, n, file)
	}
	f.broken = bytes.Replace(text, old, broken, 1)
	return f, nil
}

// Overlay writes the broken file to a folder, and returns the argument for go build and go test that has them read it
// instead of the one in the tree, which is not touched.
func (f *Fault) Overlay(dir string) (string, error) {
	replacement := filepath.Join(dir, "broken.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {f.source: replacement}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	for name, data := range map[string][]byte{replacement: f.broken, path: overlay} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return "", err
		}
	}
	return "-overlay=" + path, nil
}
