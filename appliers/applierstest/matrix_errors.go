package applierstest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"writegate"
)

// ErrorHarness says how [ErrorMatrix] gets at one driver's errors.
type ErrorHarness struct {
	// Name marks the driver's section of the page, Title is its heading.
	Name, Title string
	// Version is what the server says it is, empty where there was none.
	Version string
	// Page is the page. Empty means ../../docs/errors.md.
	Page string
	// Update writes what was seen into the page, instead of comparing.
	Update bool
	// Number is the native number, as the cases write it, of an error that has a native one in its chain, else empty.
	Number func(err error) string
	// Classify is what the driver does with a native error.
	Classify func(native error) error
	// Known are the numbers that the driver's own table decides. Each must have a case.
	Known []string
}

// ErrorCase is one native number and what becomes of it. Either Provoke or Native is set.
type ErrorCase struct {
	// Number is the database's own, or a word for the error where the client library has values instead of numbers, and
	// empty where an error has none. Name is what the database calls it.
	Number, Name string
	Class        writegate.Class
	Code         writegate.Code
	Reason       string
	// Provoke makes the server itself fail and returns what the applier returned.
	Provoke func(t *testing.T) error
	// Native is the error as the client library would make it, where the server can't be made to fail so here.
	Native error
	// How says how it is provoked, or why it can't be.
	How string
}

// ErrorMatrix proves each case and holds the driver's section of the page to them.
func ErrorMatrix(t *testing.T, h ErrorHarness, cases []ErrorCase) {
	t.Helper()
	passed := 0
	for _, c := range cases {
		t.Run(c.Number+" "+c.Name, func(t *testing.T) {
			if c.prove(t, h); !t.Failed() {
				passed++
			}
		})
	}
	for _, number := range h.Known {
		if !slices.ContainsFunc(cases, func(c ErrorCase) bool { return c.Number == number }) {
			t.Errorf("the driver decides on %s, but no case does", number)
		}
	}
	p := page{path: h.Page, name: h.Name, update: h.Update}
	if p.path == "" {
		p.path = "../../docs/errors.md"
	}
	if passed < len(cases) {
		t.Logf("the section %s of %s is not looked at: not every case ran and passed", h.Name, p.path)
		return
	}
	p.hold(t, errorsSection(h, cases))
}

func (c *ErrorCase) prove(t *testing.T, h ErrorHarness) {
	if c.How == "" || (c.Provoke == nil) == (c.Native == nil) {
		t.Fatal("a case has How, and one of Provoke and Native")
	}
	var err error
	if c.Provoke != nil {
		err = c.Provoke(t)
	} else {
		err = h.Classify(c.Native)
	}
	if err == nil {
		t.Fatal("there is no error")
	}
	if number := h.Number(err); number != c.Number {
		t.Errorf("the error is number %q: %v (cause: %v)", number, err, errors.Unwrap(writegate.AsError(err)))
	}
	e := writegate.AsError(err)
	if e.Class != c.Class || e.Code != c.Code || e.Reason != c.Reason {
		t.Errorf("it is %v %s %q, want %v %s %q; cause: %v", e.Class, e.Code, e.Reason, c.Class, c.Code, c.Reason, e.Cause)
	}
	if e.Cause != nil && len(e.Cause.Error()) > 0 && strings.Contains(e.Message, e.Cause.Error()) {
		t.Errorf("the message carries the driver's text: %s", e.Message)
	}
}

func errorsSection(h ErrorHarness, cases []ErrorCase) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", h.Title)
	if h.Version != "" {
		fmt.Fprintf(&b, "%s %s.\n\n", seenOn, h.Version)
	} else {
		b.WriteString("**golden only**: no server was at hand, so nothing is provoked.\n\n")
	}
	b.WriteString("| number | name | class | answer | seen |\n|---|---|---|---|---|\n")
	for _, c := range cases {
		how := "provoked: "
		if c.Provoke == nil {
			how = "table test: "
		}
		number := c.Number
		if number == "" {
			number = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s%s |\n", number, c.Name, c.Class, c.answer(), how, c.How)
	}
	b.WriteString("\n")
	return b.String()
}

// answer is what the device is told in the end.
func (c *ErrorCase) answer() string {
	switch c.Class {
	case writegate.Refused:
		if c.Reason != "" {
			return fmt.Sprintf("200, `%s` (`%s`)", c.Code, c.Reason)
		}
		return fmt.Sprintf("200, `%s`", c.Code)
	case writegate.Rerun:
		return "run again; 503 if that goes on"
	case writegate.Operator:
		return "503, and an alarm"
	case writegate.Retry, writegate.Forbidden:
	}
	return "503"
}
