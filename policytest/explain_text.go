package policytest

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// stageNames head the stages of an explanation.
var stageNames = map[string]string{
	shape: "A shape", stored: "B stored row", becoming: "C what becomes of it", resulting: "D resulting row",
}

// Text writes the explanation for people.
func (e *Explanation) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s as %s, policy %s\n→ %s\n", e.Operation, e.User, e.Revision, e.verdict())
	stage := ""
	width := 0
	for i := range e.Steps {
		width = max(width, utf8.RuneCountInString(e.Steps[i].What)+2)
	}
	for i := range e.Steps {
		s := &e.Steps[i]
		if s.Stage != stage {
			stage = s.Stage
			fmt.Fprintf(&b, "\n%s\n", stageNames[stage])
		}
		s.text(&b, width)
	}
	if e.Change != "" {
		fmt.Fprintf(&b, "\nE change\n  %s\n", e.Change)
	}
	if len(e.Lookups) > 0 {
		fmt.Fprintf(&b, "\nlookups\n  %s\n", strings.Join(e.Lookups, "\n  "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// verdict is the outcome in a line.
func (e *Explanation) verdict() string {
	words := []string{e.Outcome.Outcome}
	switch {
	case e.Code != "":
		words = append(words, e.Code+":", e.Message)
	case e.Rule != "":
		words = append(words, "by rule", e.Rule)
	}
	if e.Cause != "" {
		words = append(words, "("+e.Cause+")")
	}
	return strings.Join(words, " ")
}

// verdictWidth is that of the column for what is true or false.
const verdictWidth = 11

func (s *Explained) text(b *strings.Builder, width int) {
	s.line(b, pad(s.What, width))
	for i := range s.Parts {
		s.Parts[i].line(b, pad("", width))
	}
}

// line has what is true or false in a column of its own, and other values behind what has them.
func (s *Explained) line(b *strings.Builder, what string) {
	verdict, text := "", strings.Repeat("  ", s.Depth)+s.Text
	switch {
	case s.condition && strings.HasPrefix(s.Got, "error: "):
		verdict, text = "error", text+"   ("+strings.TrimPrefix(s.Got, "error: ")+")"
	case s.condition:
		verdict = s.Got
	case s.Got != "" && s.Got != s.Text:
		text += " = " + s.Got
	}
	fmt.Fprintf(b, "  %s\n", strings.TrimRight(what+pad(verdict, verdictWidth)+text, " "))
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", width-utf8.RuneCountInString(s))
}
