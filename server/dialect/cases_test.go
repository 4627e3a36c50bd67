package dialect

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestCases runs testdata/decode.txt. A case is a title, a request and what was decoded:
//
//	# title
//	POST {"batch":[]}
//	batch
//
// A body in Go's quotes may hold any bytes. -update writes what the code does.
func TestCases(t *testing.T) {
	const path = "testdata/decode.txt"
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(string(file)), "\n\n") {
		lines := strings.SplitN(block, "\n", 3)
		if len(lines) < 2 || !strings.HasPrefix(lines[0], "# ") {
			t.Fatalf("no case: %s", block)
		}
		method, body, _ := strings.Cut(lines[1], " ")
		if strings.HasPrefix(body, `"`) {
			if body, err = strconv.Unquote(body); err != nil {
				t.Fatalf("%s: %v", lines[0], err)
			}
		}
		fmt.Fprintf(&out, "%s\n%s\n%s\n", lines[0], lines[1], outcomeOf(method, body))
	}
	golden(t, path, out.String())
}

func outcomeOf(method, body string) string {
	req, err := Decode(method, "application/json", []byte(body), Limits{})
	var fault *Fault
	switch {
	case errors.As(err, &fault):
		return fmt.Sprintf("%d %s\n", fault.Status, fault.Message)
	case err != nil:
		return fmt.Sprintf("%T is no fault: %v\n", err, err)
	}
	return printRequest(req)
}
