package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// browserVariable names the program of a Chromium, where it is not to be found by its usual names.
const browserVariable = "WRITEGATE_TEST_CHROMIUM"

// needBrowser returns the program of a Chromium. Without one the test is skipped, or fails if everything has to run.
func needBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv(browserVariable), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	skipOrFail(t, "there is no chromium, and "+browserVariable+" names none")
	return ""
}

// shownToken is what the page shows of a token.
type shownToken struct {
	Token, Endpoint string
	Header          struct{ Alg, Kid string }
	Claims          struct {
		Sub      string
		Iat, Exp json.Number
	}
	Copied struct{ Endpoint, Token string }
}

// TestDevPage gets tokens on the page of dev in a real browser, and uploads with one.
func TestDevPage(t *testing.T) {
	node, browser := needNode(t), needBrowser(t)
	gate := startDev(t, []string{"--data", t.TempDir()})
	var res struct {
		First, Second shownToken
		Refused       struct {
			Status string
			Hidden bool
		}
		Markup, Pages     int    // elements made of a user's name, and entries in the history
		Selected, At      string // what is selected where it can't be copied, and the address at the end
		Told, Overtaken   bool
		Complaints, Asked []string
	}
	node.run(t, "page.mjs", script{Sync: gate.URL, Browser: browser}, &res)

	if res.First.Claims.Sub != "developer" || res.First.Header.Alg != "RS256" || res.First.Header.Kid == "" {
		t.Errorf("the first token: %+v", res.First)
	}
	if got, want := res.Second.Claims.Sub, "zoë <b>&\"\U0001F680"; got != want {
		t.Errorf("sub %q, want %q", got, want)
	}
	for _, shown := range []shownToken{res.First, res.Second} {
		issued, _ := shown.Claims.Iat.Int64()
		if ends, _ := shown.Claims.Exp.Int64(); ends-issued != 12*60*60 || shown.Endpoint != gate.URL {
			t.Errorf("from %d to %d, for %s", issued, ends, shown.Endpoint)
		}
		status, err := gate.upload(t.Context(), shown.Token, "[]")
		if err != nil || status != http.StatusOK {
			t.Errorf("an upload with the token that is shown: %d, %v", status, err)
		}
	}
	if res.Second.Copied.Token != res.Second.Token || res.Second.Copied.Endpoint != gate.URL {
		t.Errorf("copied: %+v", res.Second.Copied)
	}
	if res.Selected != res.Second.Token {
		t.Errorf("selected: %q", res.Selected)
	}
	if res.Markup > 0 {
		t.Error("a user's name is taken for markup")
	}
	if res.Told || res.At != gate.URL+"/dev" || res.Pages > 2 { // the second is the blank page that the tab begins with
		t.Errorf("a token is in an address: %t; at the end of %d pages %s", res.Told, res.Pages, res.At)
	}
	if res.Refused.Status != "No token: user_id is too long." || !res.Refused.Hidden {
		t.Errorf("what the server refuses: %+v", res.Refused)
	}
	if !res.Overtaken {
		t.Error("an answer that came late is shown")
	}
	if diff := cmp.Diff([]string{gate.URL}, res.Asked); diff != "" || len(res.Complaints) > 0 {
		t.Errorf("complaints %q; asked (-want +got):\n%s", res.Complaints, diff)
	}
}
