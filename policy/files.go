package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"writegate/policy/internal/tree"
)

// Load reads a policy file. What is wrong with its text is [Faults].
func Load(path string) (*Source, error) {
	s, _, err := Read(path)
	return s, err
}

// Read is Load that also lists the files it asked for, the policy itself first: those that it names are among them, also
// where one of them, or the policy, is wrong or can't be read.
func Read(path string) (s *Source, files []string, err error) {
	files = []string{path}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, files, fmt.Errorf("read policy: %w", err)
	}
	s, named, err := parse(path, text)
	for _, name := range named {
		files = append(files, filepath.Join(filepath.Dir(path), name))
	}
	return s, files, err
}

// canonical is the content of a policy and of the files that are part of it.
func canonical(root *tree.Node, attached []attachment) []byte {
	text := root.Canonical()
	for _, a := range attached {
		text = strconv.AppendQuote(append(text, '\n'), a.text)
	}
	return text
}
