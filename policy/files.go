package policy

import (
	"path/filepath"
	"strconv"

	"writegate/policy/internal/tree"
)

// Files lists the files that the policy was read from, the policy itself first. Those that it names are among them, also
// where they could not be read.
func (s *Source) Files() []string {
	files := []string{s.file}
	for _, name := range s.named {
		files = append(files, filepath.Join(filepath.Dir(s.file), name))
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
