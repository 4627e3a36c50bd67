package tree

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// widest is how long a line may become before what is on it is written on several.
const widest = 110

// Write writes the node as a YAML document that [Parse] reads back to the same values, short maps and lists on one line.
// Comments and layout are gone.
func (n *Node) Write() []byte {
	var w writer
	switch {
	case len(n.Fields) > 0:
		w.fields(n.Fields, 0)
	case len(n.Items) > 0:
		w.items(n.Items, 0)
	default:
		w.WriteString(inline(n))
	}
	return append(bytes.TrimLeft(w.Bytes(), "\n"), '\n')
}

type writer struct{ bytes.Buffer }

func (w *writer) line(depth int, text string) {
	w.WriteString("\n" + strings.Repeat("  ", depth) + text)
}

// fields writes each field on a line of its own. Of the outer ones, those of many lines are set apart.
func (w *writer) fields(fields []Field, depth int) {
	for i, f := range fields {
		before := w.Len()
		w.line(depth, quote(f.Name)+":")
		w.value(f.Value, depth+1)
		if lines := bytes.Count(w.Bytes()[before:], []byte("\n")); i > 0 && depth < 2 && lines > 1 {
			text := bytes.Clone(w.Bytes()[before:])
			w.Truncate(before)
			w.WriteString("\n")
			w.Write(text)
		}
	}
}

// value writes behind a colon.
func (w *writer) value(n *Node, depth int) {
	text := inline(n)
	room := widest - w.column()
	switch {
	case len(n.Fields) > 0 && (len(text) > room || depth < 3 && deep(n)):
		w.fields(n.Fields, depth)
	case len(n.Items) > 0 && (len(text) > room || hasMaps(n)):
		w.items(n.Items, depth)
	case n.Kind == Scalar && !n.Quoted && open.MatchString(n.Text) && !marks.MatchString(n.Text):
		w.WriteString(" " + n.Text)
	default:
		w.WriteString(" " + text)
	}
}

// items writes each item on a line of its own, behind a dash.
func (w *writer) items(items []*Node, depth int) {
	for _, item := range items {
		text := inline(item)
		switch {
		case len(item.Fields) > 0 && (len(text) > widest-2*depth-2 || item.Get("name") != nil):
			w.line(depth, "- ")
			var inner writer
			inner.fields(item.Fields, depth+1)
			w.Write(bytes.TrimLeft(inner.Bytes(), "\n "))
		case len(item.Items) > 0 && hasMaps(item):
			w.line(depth, "-")
			w.items(item.Items, depth+1)
		default:
			w.line(depth, "- "+text)
		}
	}
}

// column is how much is on the line that is being written.
func (w *writer) column() int { return w.Len() - bytes.LastIndexByte(w.Bytes(), '\n') }

// deep reports whether a map has maps or many lists.
func deep(n *Node) bool {
	for _, f := range n.Fields {
		if len(f.Value.Fields) > 0 || hasMaps(f.Value) {
			return true
		}
	}
	return false
}

func hasMaps(n *Node) bool {
	for _, item := range n.Items {
		if len(item.Fields) > 0 || hasMaps(item) {
			return true
		}
	}
	return false
}

// inline writes a node on one line.
func inline(n *Node) string {
	var parts []string
	switch n.Kind {
	case Scalar:
		switch {
		case !n.Quoted && bare.MatchString(n.Text):
			return n.Text
		case n.Quoted && special.MatchString(n.Text):
			return quoted(n.Text)
		}
		return quote(n.Text)
	case List:
		for _, item := range n.Items {
			parts = append(parts, inline(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Map:
		for _, f := range n.Fields {
			parts = append(parts, quote(f.Name)+": "+inline(f.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case Null:
	}
	return "null"
}

var (
	// plain needs no quotes, not even between brackets.
	plain = regexp.MustCompile(`^[\pL_$(.0-9/-][^\x00-\x1f\x7f\x{80}-\x{a0}\x{2028}\x{2029}\x{feff},:\[\]{}#"'` + "`" + `\\]*$`)
	// open needs no quotes outside of brackets.
	open = regexp.MustCompile(`^\pL[ -9;-~]*$`)
	// bare are words that mean something else than text, and nothing else in quotes than text.
	bare = regexp.MustCompile(`^(true|false|-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?)$`)
	// special are words that readers of YAML take for something else than text where they are not in quotes.
	special = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null|y|n|~|[-+.0-9].*|\.nan)$`)
	empty   = regexp.MustCompile(`(?i)^(null|~|)$`)
	marks   = regexp.MustCompile(`<<|^(---|\.\.\.|-\s|-$|\?|:)|\s$|^\s|\s\s`)
)

// quote writes a text so that it is read back as that text. Numbers and truth values stay bare.
func quote(text string) string {
	if plain.MatchString(text) && !empty.MatchString(text) && !marks.MatchString(text) {
		return text
	}
	return quoted(text)
}

// quoted writes a text in quotes: in single ones where they save the escapes of double ones.
func quoted(text string) string {
	if strings.ContainsAny(text, `"\`) && !strings.Contains(text, "'") && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "'" + text + "'"
	}
	var b strings.Builder
	enc := json.NewEncoder(&b) // a JSON text is a YAML one, too
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
