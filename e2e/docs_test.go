package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocumentedConnector runs the JavaScript of docs/connectors.md as it stands there.
func TestDocumentedConnector(t *testing.T) {
	node := needNode(t)
	text, err := os.ReadFile("../docs/connectors.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```js\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("docs/connectors.md has no JavaScript")
	}
	module := filepath.Join(t.TempDir(), "connector.mjs")
	if err := os.WriteFile(module, found[1], 0o600); err != nil {
		t.Fatal(err)
	}
	database := newSQLite(t)
	gate := startDev(t, database.source)
	user := newUser()
	s := script{
		Style: "documented", Connector: module, Sync: gate.URL, Upload: newFaultProxy(t, gate.URL, 3).URL,
		Token: gate.token(t, user), User: user,
	}
	round := node.roundtrip(t, s)
	if diff := cmp.Diff([]string{"NOT_NULL_VIOLATION"}, round.Fatal); diff != "" {
		t.Errorf("refusals that the connector was told of (-want +got):\n%s", diff)
	}
	res := node.effects(t, s)
	if diff := cmp.Diff(res.Effects, database.effects(t, res.Names)); diff != "" {
		t.Errorf("effects (-done on the device +seen in the database):\n%s", diff)
	}
}
