package policy

import (
	"os"
	"strings"
	"testing"
)

// TestREADME loads the policy that README.md shows.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```yaml\n# policy.yaml")
	if !found {
		t.Fatal("README.md shows no policy")
	}
	block, _, _ = strings.Cut(block, "```")
	bind(t, "# policy.yaml"+block, docsSchema)
}
