package policy

import (
	"path/filepath"
	"strconv"

	"writegate/policy/internal/tree"
)

// Files lists the files that the policy was read from, the policy itself first.
func (s *Source) Files() []string {
	files := []string{s.file}
	for _, a := range s.attached {
		files = append(files, filepath.Join(filepath.Dir(s.file), a.path))
	}
	return files
}

// canonical is the content of a policy and of the files that are part of it.
func canonical(root *tree.Node, attached []attachment) []byte {
	text := root.Canonical()
	for _, a := range attached {
		text = strconv.AppendQuote(append(text, '\n'), a.text)
	}
	return text
}
