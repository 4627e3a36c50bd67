package policytest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// Text writes a line for each thing that went otherwise than expected, as compilers do.
func (r *Result) Text(w io.Writer) error {
	for i := range r.Ran {
		ran := &r.Ran[i]
		for _, m := range ran.Mismatches {
			_, err := fmt.Fprintf(w, "%s:%d:%d: %s (as %s): %s\n", r.File.Path, m.Line, m.Column, ran.Case.Name, ran.User, m)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Summary says how many of all cases passed.
func Summary(results []*Result) string {
	ran, failed := 0, 0
	for _, r := range results {
		ran, failed = ran+len(r.Ran), failed+r.Failed()
	}
	return fmt.Sprintf("%d of %d passed in %s", ran-failed, ran, counted(len(results), "file"))
}

// counted writes a number of things.
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

type jsonCase struct {
	File       string     `json:"file"`
	Line       int        `json:"line"`
	Column     int        `json:"column"`
	Name       string     `json:"name"`
	User       string     `json:"user"`
	Passed     bool       `json:"passed"`
	Got        []Outcome  `json:"got"`
	Mismatches []Mismatch `json:"mismatches,omitempty"`
}

// JSON writes a line for each case of each user.
func (r *Result) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	for i := range r.Ran {
		ran := &r.Ran[i]
		err := enc.Encode(jsonCase{
			File: r.File.Path, Line: ran.Case.Line, Column: ran.Case.Column, Name: ran.Case.Name, User: ran.User,
			Passed: len(ran.Mismatches) == 0, Got: ran.Got, Mismatches: ran.Mismatches,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// The elements of the report that test servers read.
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes results as test servers read them.
func JUnit(w io.Writer, results []*Result) error {
	var report junitReport
	for _, r := range results {
		s := junitSuite{Name: r.File.Path, Tests: len(r.Ran), Failures: r.Failed(), Time: seconds(r.Took)}
		for i := range r.Ran {
			ran := &r.Ran[i]
			c := junitCase{Name: ran.Case.Name + " (as " + ran.User + ")", Class: r.File.Path, File: r.File.Path, Line: ran.Case.Line, Time: seconds(ran.Took)}
			if len(ran.Mismatches) > 0 {
				c.Failure = &junitFailure{Message: ran.Mismatches[0].String(), Text: lines(ran.Mismatches)}
			}
			s.Cases = append(s.Cases, c)
		}
		report.Tests, report.Failures, report.Suites = report.Tests+s.Tests, report.Failures+s.Failures, append(report.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// String says what was expected and what came.
func (m Mismatch) String() string {
	return fmt.Sprintf("%s: expected %s, got %s", m.What, m.Expected, m.Got)
}

func lines(all []Mismatch) string {
	var b strings.Builder
	for _, m := range all {
		fmt.Fprintf(&b, "%d:%d: %s\n", m.Line, m.Column, m)
	}
	return b.String()
}
